// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// quorumFaults are those of clusters with quorum durability, with what is aimed at on a quiet machine.
func quorumFaults() []fault {
	lost, back := node((*lab.Node).KillHost), node((*lab.Node).StartHost)
	cut := node(func(n *lab.Node) error { return n.Cut(lab.Cut{}) })
	return []fault{
		{name: "nothing", play: nothing},
		{name: "postmaster kill -9", play: node((*lab.Node).KillPostmaster), median: millis(300), worst: millis(600)},
		{name: "host lost", ready: etcdLeads(false), play: lost, mend: back, median: millis(1200), worst: millis(2000)},
		{name: "host lost with the etcd leader", ready: etcdLeads(true), play: lost, mend: back, worst: millis(2000)},
		{name: "primary cut off, healed", ready: etcdLeads(false), play: cut, mend: node((*lab.Node).Heal), median: millis(1500)},
		{name: "switchover", play: switchover, median: millis(300)},
		{name: "supervisor kill -9, restarted", play: node(restartSupervisor), worst: millis(200)},
		{name: "supervisor kill -9, for long", play: killSupervisorForLong, mend: node((*lab.Node).StartSupervisor)},
		{name: "dcs lost for 10 s", play: loseDCS, mend: startEtcds, worst: millis(200)},
		{name: "dcs frozen for 10 s", play: freezeDCS, worst: millis(200)},
	}
}

// etcdFaults are those that depend on etcd's own timers.
func etcdFaults() []fault {
	return []fault{
		{name: "host lost with the etcd leader", ready: etcdLeads(true), play: node((*lab.Node).KillHost), mend: node((*lab.Node).StartHost), worst: millis(4000)},
	}
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// etcdLeads makes the etcd of the primary's host lead, or that of another one.
func etcdLeads(onPrimary bool) deed {
	return func(ctx context.Context, c *lab.Cluster, primary *lab.Node) error {
		to := primary
		if !onPrimary {
			to = c.Except(primary)[0]
		}
		return c.MoveEtcdLeader(ctx, to)
	}
}

// killSupervisorForLong leaves PostgreSQL to its deadman, and waits for the next leader.
func killSupervisorForLong(ctx context.Context, c *lab.Cluster, primary *lab.Node) error {
	if err := primary.KillSupervisor(); err != nil {
		return err
	}
	for {
		now, err := c.WaitPrimary(ctx)
		if err != nil || now != primary {
			return err
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// outage is how long the DCS is away.
const outage = 10 * time.Second

func loseDCS(ctx context.Context, c *lab.Cluster, _ *lab.Node) error {
	return without(ctx, c, (*lab.Node).KillEtcd)
}

func freezeDCS(ctx context.Context, c *lab.Cluster, _ *lab.Node) error {
	return errors.Join(without(ctx, c, (*lab.Node).StopEtcd), each(c, (*lab.Node).ContEtcd))
}

// without does something to every etcd and waits for the time of the outage.
func without(ctx context.Context, c *lab.Cluster, do func(*lab.Node) error) error {
	err := each(c, do)
	pause(ctx, outage)
	return err
}
