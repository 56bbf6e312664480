// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// strain is something that is no fault and may elect nobody.
type strain struct {
	name string
	bear func(context.Context, *lab.Cluster, *lab.Node, time.Duration) error
}

func strains() []strain {
	return []strain{
		{"pgbench with 16 clients", func(ctx context.Context, c *lab.Cluster, n *lab.Node, during time.Duration) error {
			_, err := c.Pgbench(ctx, n, 16, during)
			return err
		}},
		{"dcs answers in 0.5 to 2 s", func(ctx context.Context, c *lab.Cluster, _ *lab.Node, during time.Duration) error {
			c.DelayDCS(500*time.Millisecond, 2*time.Second)
			defer c.DelayDCS(0, 0)
			pause(ctx, during)
			return ctx.Err()
		}},
	}
}

// quiet counts elections where there must be none.
func quiet(ctx context.Context, s settings, c *lab.Cluster) error {
	fmt.Fprintf(s.out, "What is no fault, for %s each.\n\n", s.quiet)
	s.head("strain", "elections", "longest gap, ms", "acknowledged writes lost")
	for _, strain := range strains() {
		if !s.wants("quorum quiet " + strain.name) {
			continue
		}
		if err := bear(ctx, s, c, strain); err != nil {
			return fmt.Errorf("%s: %w", strain.name, err)
		}
	}
	fmt.Fprintln(s.out)
	return nil
}

func bear(ctx context.Context, s settings, c *lab.Cluster, what strain) error {
	t, err := direct(c)
	if err != nil {
		return err
	}
	primary, err := t.begin(ctx)
	if err != nil {
		return err
	}
	before, err := c.Epoch(ctx)
	if err != nil {
		return err
	}
	w, err := startWriters(ctx, t.client, primary)
	if err != nil {
		return err
	}
	mark := boottime.Now()
	failed := what.bear(ctx, c, primary, s.quiet)
	gap := w.book.Gap(mark)
	if err := w.stop(); err != nil {
		return err
	}
	after, err := c.Epoch(ctx)
	if err != nil {
		return err
	}
	if failed != nil && after == before { // where somebody was elected, pgbench has lost its server
		return failed
	}
	lost, _, err := count(ctx, c, w)
	if err != nil {
		return err
	}
	s.row(what.name, after-before, gap.Milliseconds(), lost)
	return nil
}
