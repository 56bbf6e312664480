// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// WaitPrimary waits until the health checks of exactly one node say that it is the primary, and returns that node.
func (c *Cluster) WaitPrimary(ctx context.Context) (*Node, error) {
	var primary *Node
	err := c.poll(ctx, "wait for a primary", func(ctx context.Context) (err error) {
		primary, err = c.Primary(ctx)
		return err
	})
	return primary, err
}

// patience is how long a node may take to answer a health check before it counts as silent. Emulated hosts are slow.
func (c *Cluster) patience() time.Duration {
	if c.options.Virtual > 0 {
		return 4 * time.Second
	}
	return 500 * time.Millisecond
}

// Primary returns the one node whose health check says now that it is the primary. Nodes that do not answer are not.
func (c *Cluster) Primary(ctx context.Context) (*Node, error) {
	primaries := c.ask(ctx)
	switch len(primaries) {
	case 0:
		return nil, errors.New("no node is primary")
	case 1:
		return primaries[0], nil
	}
	return nil, fmt.Errorf("%s and %s both say that they are primary", primaries[0].Name, primaries[1].Name)
}

// ask asks all nodes at once whether they are primary, so that one that hangs does not hide the others.
func (c *Cluster) ask(ctx context.Context) []*Node {
	ctx, cancel := context.WithTimeout(ctx, c.patience())
	defer cancel()
	says := make([]bool, len(c.Nodes))
	var group sync.WaitGroup
	for i, n := range c.Nodes {
		group.Go(func() {
			yes, err := n.IsPrimary(ctx)
			says[i] = err == nil && yes
		})
	}
	group.Wait()
	var primaries []*Node
	for i, n := range c.Nodes {
		if says[i] {
			primaries = append(primaries, n)
		}
	}
	return primaries
}

// WaitHealthy waits until one node is the primary and every other one streams from it and has replayed what the primary
// had just written, by the word of the supervisors and of PostgreSQL. Nodes that are down on purpose may be left out.
func (c *Cluster) WaitHealthy(ctx context.Context, without ...*Node) error {
	return c.poll(ctx, "wait for a healthy cluster", func(ctx context.Context) error {
		primary, err := c.Primary(ctx)
		if err != nil {
			return err
		}
		written, err := primary.written(ctx)
		if err != nil {
			return err
		}
		for _, n := range c.Except(primary) {
			if slices.Contains(without, n) {
				continue
			}
			if err := n.follows(ctx, primary, written); err != nil {
				return err
			}
		}
		return nil
	})
}

// follows tells, by an error, why the node is not a standby that streams from the primary and has replayed its WAL.
func (n *Node) follows(ctx context.Context, primary *Node, written string) error {
	status, body, err := n.Get(ctx, "/replica")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("/replica of %s: status %d: %s", n.Name, status, strings.TrimSpace(string(body)))
	}
	conn, err := n.ConnectSuperuser(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var state, source, replayed string
	var current bool
	err = conn.QueryRow(ctx, `select status, sender_host, pg_last_wal_replay_lsn()::text, pg_last_wal_replay_lsn() >= $1::pg_lsn
		from pg_stat_wal_receiver`, written).Scan(&state, &source, &replayed, &current)
	if err != nil {
		return fmt.Errorf("receiver of %s: %w", n.Name, err)
	}
	if state != "streaming" || source != primary.Address {
		return fmt.Errorf("receiver of %s: %s from %s, not streaming from %s", n.Name, state, source, primary.Address)
	}
	if !current {
		return fmt.Errorf("%s has replayed up to %s, %s had written %s", n.Name, replayed, primary.Name, written)
	}
	return nil
}

// written is the end of the WAL that the node has flushed; an error unless it is writable.
func (n *Node) written(ctx context.Context) (string, error) {
	conn, err := n.ConnectSuperuser(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var lsn string
	err = conn.QueryRow(ctx, "select pg_current_wal_flush_lsn()::text").Scan(&lsn)
	return lsn, err
}
