// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// Well waits until the cluster is, one host has the address, the one that should, and every port there and on each host answers
// as it should.
func (d *Deployment) Well(ctx context.Context) error {
	if err := d.healthy(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		wrong := d.wrong(ctx)
		if wrong == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), wrong)
		case <-ticker.C:
		}
	}
}

// wrong tells what is not yet as it should be.
func (d *Deployment) wrong(ctx context.Context) error {
	primary, err := d.Primary(ctx)
	if err != nil {
		return err
	}
	home := d.home(primary)
	for _, n := range d.Nodes {
		if held, err := n.Holds(VIP); err != nil || held != (n == home) {
			return fmt.Errorf("%s has the address: %t; it belongs on %s (%v)", n.Name, held, home.Name, err)
		}
	}
	for port, want := range d.standby {
		for _, host := range append([]string{VIP}, addresses(d.Nodes)...) {
			if got, err := d.ask(ctx, host, port); err != nil || got != want {
				return fmt.Errorf("port %d of %s leads to a standby: %t (%v)", port, host, got, err)
			}
		}
	}
	return nil
}

// ask tells whether a port leads to a standby.
func (d *Deployment) ask(ctx context.Context, host string, port uint16) (standby bool, err error) {
	config, err := d.ClientConfigTo(host, port, time.Second)
	if err != nil {
		return false, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&standby)
	return standby, err
}

// Gather waits until all is well and the primary, which it returns, is on the host that has the address. It moves the leadership
// there.
func (d *Deployment) Gather(ctx context.Context) (*lab.Node, error) {
	for {
		if err := d.Well(ctx); err != nil {
			return nil, err
		}
		primary, err := d.WaitPrimary(ctx)
		if err != nil {
			return nil, err
		}
		home := d.home(primary)
		if home == primary {
			return primary, nil
		}
		if err := primary.Switchover(ctx, home); err != nil {
			return nil, err
		}
	}
}

func addresses(nodes []*lab.Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Address)
	}
	return all
}
