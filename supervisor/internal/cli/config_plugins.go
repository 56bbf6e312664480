// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
)

// pluginTimeout bounds how long one plugin is asked.
const pluginTimeout = 20 * time.Second

// checkPlugins has every plugin judge its block, and adds what it finds.
func checkPlugins(ctx context.Context, cfg *config.Config, diags *config.Diagnostics) {
	for _, block := range cfg.Plugins() {
		found, err := checkPlugin(ctx, cfg, block)
		diags.Merge(found)
		if err != nil {
			diags.Append(config.Diagnostic{
				Severity: config.Error, Summary: "The plugin cannot be asked", Range: block.Range,
				Detail: fmt.Sprintf("%s is served by %s: %v.", block, block.Command, err),
			})
		}
	}
}

func checkPlugin(ctx context.Context, cfg *config.Config, block config.PluginBlock) (found *config.Diagnostics, err error) {
	ctx, cancel := context.WithTimeout(ctx, pluginTimeout)
	defer cancel()
	probe := pluginhost.NewProbe(slog.New(slog.DiscardHandler), specOf(cfg, block))
	defer func() { err = errors.Join(err, probe.Close()) }()
	if err := probe.Open(ctx); err != nil {
		return nil, err
	}
	body, paths, found := cfg.DecodePlugin(block, schemaOf(probe.Schema()))
	if found.HasErrors() {
		return found, nil
	}
	said, err := probe.Validate(ctx, body)
	for _, d := range said {
		severity := config.Error
		if d.Severity == pluginhost.SeverityWarning {
			severity = config.Warning
		}
		found.Append(paths.Diagnostic(severity, d.Summary, d.Detail, d.Path))
	}
	return found, err
}

func specOf(cfg *config.Config, block config.PluginBlock) pluginhost.Spec {
	spec := pluginhost.Spec{
		Kind: pluginhost.Kind(block.Kind), Name: block.Name, Command: block.Command, Args: block.Args,
		SHA256: block.SHA256, Transport: pluginhost.Transport(block.Transport),
		Context: pluginhost.Context{
			Member: cfg.Cluster.Member, Cluster: cfg.Cluster.Name, Launcher: launcherPath(), TTL: core.Span(cfg.Timing.TTL),
		},
	}
	for _, name := range slices.Sorted(maps.Keys(block.Env)) {
		spec.Env = append(spec.Env, name+"="+block.Env[name])
	}
	return spec
}

// launcherPath is that of the launcher: beside this binary, else where packages put it.
func launcherPath() string {
	const name = "pgvigil-launcher"
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return filepath.Join("/usr/libexec/pgvigil", name)
}

// schemaOf says a plugin's schema in the words of the configuration.
func schemaOf(b pluginhost.Block) config.Block {
	var out config.Block
	for _, a := range b.Attributes {
		out.Attributes = append(out.Attributes, config.Attribute{
			Name: a.Name, Type: typeOf(a.Type), Required: a.Required, Default: a.Default, Description: a.Description,
			Sensitive: a.Sensitive, OneOf: a.OneOf, Minimum: a.Minimum, Maximum: a.Maximum,
		})
	}
	for _, n := range b.Blocks {
		out.Blocks = append(out.Blocks, config.NestedBlock{
			Type: n.Type, Labels: n.Labels, Required: n.Required, Repeated: n.Repeated, Body: schemaOf(n.Body),
			Description: n.Description,
		})
	}
	return out
}

// typeOf gives the zero Type for a type it does not know; decoding refuses that.
func typeOf(t pluginhost.Type) config.Type {
	return map[pluginhost.Type]config.Type{
		pluginhost.String: config.String, pluginhost.Number: config.Number, pluginhost.Bool: config.Bool,
		pluginhost.Duration: config.Duration, pluginhost.Size: config.Size, pluginhost.StringList: config.StringList,
		pluginhost.StringMap: config.StringMap,
	}[t]
}
