// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/deployment"
)

// impatience is how long a client waits for a connection.
const impatience = 250 * time.Millisecond

// trial is what faults are played on, and how the client gets there whose gaps count.
type trial struct {
	*lab.Cluster
	name   string
	client *pgx.ConnConfig
	// begin makes all ready for a fault of the primary, which it returns; well waits until all is well.
	begin func(context.Context) (*lab.Node, error)
	well  func(context.Context) error
	// patience is how long one fault may take, with all that follows.
	patience time.Duration
}

// direct has the client connect to the nodes.
func direct(c *lab.Cluster) (trial, error) {
	client, err := c.ClientConfig(impatience)
	t := trial{Cluster: c, name: c.Durability(), client: client, patience: 2 * time.Minute}
	t.well = func(ctx context.Context) error { return well(ctx, c) }
	t.begin = func(ctx context.Context) (*lab.Node, error) {
		if err := t.well(ctx); err != nil {
			return nil, err
		}
		return c.WaitPrimary(ctx)
	}
	return t, err
}

// through has the client connect to the virtual address, which the primary's host has when a fault is played.
func through(st stack, d *deployment.Deployment) (trial, error) {
	client, err := d.ClientConfigTo(deployment.VIP, deployment.Writes, impatience)
	t := trial{Cluster: d.Cluster, name: st.name, client: client, well: d.Well, patience: 6 * time.Minute}
	t.begin = func(ctx context.Context) (*lab.Node, error) {
		primary, err := d.Gather(ctx)
		pause(ctx, rand.N(st.beat))
		return primary, err
	}
	return t, err
}

// well waits until all nodes stream and, with quorum durability, are waited for.
func well(ctx context.Context, c *lab.Cluster) error {
	if err := c.WaitHealthy(ctx); err != nil {
		return err
	}
	if c.Durability() == "quorum" {
		return c.WaitCohort(ctx, 1, c.Nodes...)
	}
	return nil
}
