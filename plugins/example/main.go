// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-plugin-example is the template of a plugin: a router that writes the routes to a file
// as JSON. See README.md beside it.
package main

import (
	"context"
	"path/filepath"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

func main() { sdk.Serve(newPlugin()) }

// newPlugin is who the plugin is and what it can do.
func newPlugin() sdk.Plugin {
	r := &router{}
	return sdk.Plugin{
		Name:         "example",
		Version:      "0.1.0",
		Capabilities: []string{"router.apply"},
		Schema:       schema(),
		Validate:     validate,
		Configure:    r.configure,
		Health:       r.health,
		Router:       r,
	}
}

// schema is what may stand in the plugin's block. The supervisor checks it and points at the line.
func schema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{{
		Name:        "path",
		Type:        pluginv1.Type_TYPE_STRING,
		Required:    true,
		Description: "Absolute path of the file the routes are written to.",
	}}}
}

// body is the block as it arrives.
type body struct {
	Path string `json:"path"`
}

// validate finds what the schema cannot say. It changes nothing.
func validate(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	var b body
	if err := c.Decode(&b); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	if !filepath.IsAbs(b.Path) {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("path"), "path is not absolute", "Begin it with a slash.")}
	}
	return nil
}
