// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/logging"
)

func (a *App) dcsCommand() *cobra.Command {
	c := &cobra.Command{Use: "dcs", Short: "Run the DCS that pgvigil brings along"}
	c.AddCommand(a.dcsServeCommand())
	return c
}

func (a *App) dcsServeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run this host's member of the embedded etcd",
		Long: "Runs this host's member of an etcd cluster, as the embedded block of dcs \"etcd\" says, until it is told to stop by\n" +
			"SIGTERM or SIGINT. The configuration needs no postgres block. Run by root, it goes on as the user of the postgres block.",
		RunE: func(c *cobra.Command, _ []string) error {
			path, _ := a.configPath()
			loader := &config.Loader{DCSOnly: true}
			cfg, diags := loader.Load(path)
			if cfg == nil {
				return a.unusable(diags)
			}
			embedded, found := cfg.Embedded()
			switch {
			case found.HasErrors():
				return a.unusable(found)
			case embedded == nil:
				return usage("the dcs block in %s has no embedded block: there is nothing to serve", path)
			case a.ServeDCS == nil:
				return failf(ExitError, "this binary has no embedded etcd")
			}
			if a.Drop != nil {
				if err := a.Drop(cfg.Server.User, embedded.DataDir); err != nil {
					return err
				}
			}
			log, flush := logging.New(a.Err, cfg.Log.Format, cfg.Log.Level, cfg.Cluster.Name, cfg.Cluster.Member)
			defer flush()
			return a.ServeDCS(c.Context(), embedded, log)
		},
	}
}
