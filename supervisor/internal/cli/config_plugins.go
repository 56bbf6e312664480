// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
)

// pluginTimeout bounds how long one plugin is asked.
const pluginTimeout = 20 * time.Second

// checkPlugins has every plugin judge its block, as the daemon does, and adds what it finds.
func checkPlugins(ctx context.Context, cfg *config.Config, diags *config.Diagnostics) {
	specs := daemon.Specs(cfg)
	for i, block := range cfg.Plugins() {
		found, err := checkPlugin(ctx, cfg, block, specs[i])
		diags.Merge(found)
		if err != nil {
			diags.Append(config.Diagnostic{
				Severity: config.Error, Summary: "The plugin cannot be asked", Range: block.Range,
				Detail: fmt.Sprintf("%s is served by %s: %v.", block, block.Command, err),
			})
		}
	}
}

func checkPlugin(ctx context.Context, cfg *config.Config, block config.PluginBlock, spec pluginhost.Spec) (found *config.Diagnostics, err error) {
	ctx, cancel := context.WithTimeout(ctx, pluginTimeout)
	defer cancel()
	probe := pluginhost.NewProbe(slog.New(slog.DiscardHandler), spec)
	defer func() { err = errors.Join(err, probe.Close()) }()
	if err := probe.Open(ctx); err != nil {
		return nil, err
	}
	_, _, found, err = daemon.CheckBody(ctx, cfg, block, daemon.Asked{Probe: probe})
	return found, err
}
