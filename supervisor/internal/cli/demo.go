// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/demo"
)

func (a *App) demoCommand() *cobra.Command {
	d := &demo.Demo{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a three-node cluster on this machine, and break it",
		Long: "Runs a real cluster of three nodes on loopback addresses, with PostgreSQL, supervisors, an embedded etcd and clients\n" +
			"that write, and shows it live: keys kill the primary's postmaster, its supervisor or the whole node, switch over, and\n" +
			"bring nodes back. With --script it plays a fixed story instead, needs no terminal, and exits with 0 only if every\n" +
			"step did what it should and no write is missing. At the end nothing is left of it.",
		RunE: func(c *cobra.Command, _ []string) error {
			d.In, d.Out, d.Terminal, d.Environ = a.In, a.Out, a.InTerminal && a.OutTerminal, os.Environ()
			err := d.Run(c.Context())
			if errors.Is(err, demo.ErrNoTerminal) || errors.Is(err, demo.ErrUsage) {
				return usage("%w", err)
			}
			return err
		},
	}
	c.Flags().BoolVar(&d.Script, "script", false, "play a fixed story unattended and judge it")
	c.Flags().StringVar(&d.Dir, "dir", "", "empty or new directory for everything (default a new one under /tmp)")
	c.Flags().StringVar(&d.PGBin, "pg-bin", "", "directory of PostgreSQL's programs (default the newest version found)")
	c.Flags().DurationVar(&d.TTL, "ttl", 0, "time to live of the leadership (default 3s)")
	c.Flags().BoolVar(&d.Keep, "keep", false, "leave the directory in place at the end")
	return c
}
