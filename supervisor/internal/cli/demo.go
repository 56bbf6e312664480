// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/demo"
)

func (a *App) demoCommand() *cobra.Command {
	d := &demo.Demo{In: a.In, Out: a.Out, Terminal: a.InTerminal && a.OutTerminal, Environ: a.Environ}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a real cluster of three on this machine, to break it",
		Long: "Runs three supervisors with real PostgreSQL and an embedded etcd on loopback addresses of this machine, with a writer\n" +
			"and a live view in which keys kill, stop and start what runs. With --script, plays a fixed story and judges it.",
		RunE: func(c *cobra.Command, _ []string) error {
			err := d.Run(c.Context())
			if errors.Is(err, demo.ErrUsage) || errors.Is(err, demo.ErrNoTerminal) {
				return usage("%w", err)
			}
			return err
		},
	}
	c.Flags().BoolVar(&d.Script, "script", false, "play a fixed story unattended; the exit code tells whether it went well")
	c.Flags().StringVar(&d.Dir, "dir", "", "directory for everything; must be empty or not exist (default: a new one in /tmp)")
	c.Flags().StringVar(&d.PGBin, "pg-bin", "", "directory of PostgreSQL's programs (default: the newest version found)")
	c.Flags().StringVar(&d.Bin, "bin", "", "directory of pgvigil's programs (default: where this one is)")
	c.Flags().StringVar(&d.Durability, "durability", "quorum", "durability of commits: quorum or async")
	c.Flags().DurationVar(&d.TTL, "ttl", 3*time.Second, "ttl of the leadership")
	c.Flags().BoolVar(&d.Keep, "keep", false, "leave the directory in place at the end")
	return c
}
