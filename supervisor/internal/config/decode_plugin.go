// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hashicorp/hcl/v2"
)

// DecodePlugin decodes the body of a plugin's block by the plugin's schema: into the JSON object that the
// plugin protocol describes, with the defaults filled in, and an index that leads a plugin's own findings
// back to file and line. A block that is not there is left out of the JSON, defaults and all. With an
// error among the diagnostics the JSON is nil.
func (c *Config) DecodePlugin(block PluginBlock, schema Block) ([]byte, PathIndex, *Diagnostics) {
	diags := &Diagnostics{sources: c.sources}
	paths := PathIndex{root: block.header, places: map[string]hcl.Range{}}
	if block.body == nil {
		diags.Append(Diagnostic{Severity: Error, Summary: "No such block", Detail: fmt.Sprintf("The configuration has no block for the plugin %q.", block.Name)})
		return nil, paths, diags
	}
	d := c.loader.decoder(c.sources, diags)
	body := d.body(&schema, block.bodyOf(), block.header, block.String())
	paths.add(body, nil)
	diags.finish()
	if diags.HasErrors() {
		return nil, paths, diags
	}
	text, err := json.Marshal(body.tree(&schema))
	if err != nil {
		diags.errorf(block.header, "The body cannot be handed to the plugin", "%v.", err)
		return nil, paths, diags
	}
	return text, paths, diags
}

// tree is the body as the plugin protocol wants it.
func (b *decoded) tree(schema *Block) map[string]any {
	out := map[string]any{}
	for i, l := range b.labels {
		out["_label"+strconv.Itoa(i+1)] = l.text
	}
	for name, v := range b.values {
		out[name] = v.data
	}
	for i := range schema.Blocks {
		n := &schema.Blocks[i]
		found := b.blocks[n.Type]
		if len(found) == 0 {
			continue
		}
		if !n.Repeated {
			out[n.Type] = found[0].tree(&n.Body)
			continue
		}
		all := make([]any, len(found))
		for j, x := range found {
			all[j] = x.tree(&n.Body)
		}
		out[n.Type] = all
	}
	return out
}
