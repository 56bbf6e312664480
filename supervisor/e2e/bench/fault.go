// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// deed is something done to the cluster whose primary is that node.
type deed func(context.Context, *lab.Cluster, *lab.Node) error

// fault is something that happens to the primary; ready prepares it, mend undoes what does not undo itself. Both may be nil.
type fault struct {
	name              string
	ready, play, mend deed
	// median and worst are what is aimed at; 0 for nothing.
	median, worst time.Duration
}

func faults() []fault {
	plugin := func(name string, sig syscall.Signal) deed {
		return func(_ context.Context, _ *lab.Cluster, n *lab.Node) error { return n.SignalPlugin(name, sig) }
	}
	return []fault{
		{name: "nothing", play: nothing},
		{name: "postmaster kill -9", play: node((*lab.Node).KillPostmaster)},
		{name: "switchover", play: switchover},
		{name: "supervisor kill -9, restarted", play: node(restartSupervisor)},
		{name: "etcd plugin kill -9", play: plugin("etcd", syscall.SIGKILL)},
		{name: "postgres plugin kill -9", play: plugin("postgres", syscall.SIGKILL)},
		{name: "etcd leader kill -9", play: killEtcdLeader, mend: startEtcds},
		{name: "host lost", play: node((*lab.Node).KillHost), mend: node((*lab.Node).StartHost)},
	}
}

func nothing(context.Context, *lab.Cluster, *lab.Node) error { return nil }

func switchover(ctx context.Context, _ *lab.Cluster, n *lab.Node) error {
	return n.Switchover(ctx, nil)
}

func restartSupervisor(n *lab.Node) error {
	return errors.Join(n.KillSupervisor(), n.StartSupervisor())
}

func node(f func(*lab.Node) error) deed {
	return func(_ context.Context, _ *lab.Cluster, n *lab.Node) error { return f(n) }
}

func killEtcdLeader(ctx context.Context, c *lab.Cluster, _ *lab.Node) error {
	leader, err := c.EtcdLeader(ctx)
	if err != nil {
		return err
	}
	return leader.KillEtcd()
}

func startEtcds(_ context.Context, c *lab.Cluster, _ *lab.Node) error {
	return each(c, (*lab.Node).StartEtcd)
}

func each(c *lab.Cluster, do func(*lab.Node) error) error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, do(n))
	}
	return errors.Join(errs...)
}
