// SPDX-License-Identifier: Apache-2.0

// Package apitest has a cluster of three to serve in tests: mdw leads, standby and standby1 follow.
package apitest

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Now is the instant at which the snapshots were just taken.
const Now = core.Instant(1000 * core.Second)

// TTL of the leadership.
const TTL = 30 * core.Second

// wall is 2026-03-01 12:00:00 UTC.
const wall = int64(1772366400)

// Source is a source whose snapshot can be exchanged. The zero Source has none.
type Source struct {
	p atomic.Pointer[status.Snapshot]
}

// Snapshot returns the latest.
func (s *Source) Snapshot() *status.Snapshot { return s.p.Load() }

// Publish exchanges it.
func (s *Source) Publish(snap *status.Snapshot) { s.p.Store(snap) }

// Operator is a function that takes requests.
type Operator func(context.Context, status.Request) (core.Operation, error)

// Submit calls it.
func (o Operator) Submit(ctx context.Context, r status.Request) (core.Operation, error) {
	return o(ctx, r)
}

// Foresee tells of a switchover from mdw to standby, or to whom it is asked to go.
func (o Operator) Foresee(r status.Request) (core.Forecast, error) {
	f := core.Forecast{
		From: "mdw", To: "standby", ReceiveLag: 8 << 10, ReplayLag: 48 << 20, Poolers: []string{"mdw", "standby"},
		Unfit: []core.Unfit{{Name: "standby1", Why: "standby1 is tagged nofailover"}},
	}
	if r.To != "" && r.To != f.To {
		return core.Forecast{Blocker: r.To + " is tagged nofailover"}, nil
	}
	return f, nil
}

// Primary is the snapshot of mdw, which leads.
func Primary() *status.Snapshot {
	s := base("mdw")
	s.Hold = core.Hold{Epoch: 7, Deadline: Now.Add(21 * core.Second), Record: s.View.Leader.Value}
	s.Postgres = &core.Postgres{
		At: Now, Status: core.StatusRunning, Role: core.RolePrimary, SystemID: 7345678901234567890, Timeline: 3,
		LSN: 0x3000148, PostmasterPID: 4711, StartedUnix: wall - 3600, ServerVersion: 170002, Launched: true,
		Senders: []core.Sender{
			{Member: "standby", State: "streaming", SyncState: "async", Flush: 0x3000148, Replay: 0x3000148},
			{Member: "standby1", State: "streaming", SyncState: "async", Flush: 0x3000148, Replay: 0x2000000},
		},
	}
	s.Deadman = core.Deadman{Present: true, ArmedUntil: Now.Add(20 * core.Second)}
	s.Watchdog = status.Watchdog{
		Mode: "required", Armed: true, Timeout: 25 * time.Second, Fires: Now.Add(21500 * core.Millisecond), LastReset: "watchdog",
	}
	return s
}

// Standby is the snapshot of standby, which streams.
func Standby() *status.Snapshot {
	s := base("standby")
	s.Postgres = &core.Postgres{
		At: Now, Status: core.StatusRunning, Role: core.RoleStandby, SystemID: 7345678901234567890, Timeline: 3,
		LSN: 0x3000148, Received: 0x3000148, Replayed: 0x3000148, PostmasterPID: 815, StartedUnix: wall - 1800,
		ServerVersion: 170002, ReplayedAtUnix: wall - 2, Upstream: "mdw",
		Receiver: &core.Receiver{Status: "streaming", Host: "10.0.0.1", Port: 5432},
	}
	s.Reason = core.Reason{
		Rule: "S-090", Section: "standby", Sentence: "Following the leader.",
		Conditions: []core.ConditionValue{{Name: "streaming", Holds: true}},
	}
	s.Plan = nil
	s.Recent = nil
	return s
}

// Quorum is the snapshot of mdw with durability by quorum: one of the standbys acknowledges each commit.
func Quorum() *status.Snapshot {
	s := Primary()
	s.View.Cohort = core.Versioned[core.Cohort]{Value: core.Cohort{Epoch: 7, Members: []string{"mdw", "standby", "standby1"}, K: 1}, Rev: 860}
	s.View.Members = slices.Clone(s.View.Members)
	s.Postgres.SyncNames = "ANY 1 (standby, standby1)"
	s.Heard = []core.Heard{{Name: "standby", Promise: core.Promise{From: "standby", To: "mdw", Epoch: 7, SentAt: Now.Add(-core.Second), For: 30 * core.Second}}}
	s.Heartbeats = status.Heartbeats{Authenticated: true, Received: 12, Sent: 4711, Dropped: map[string]uint64{"forged": 3, "unproven": 0}}
	return s
}

// Electing is the snapshot of standby in an election: it has voted, and mdw is gone.
func Electing() *status.Snapshot {
	s := Standby()
	s.View = Quorum().View
	s.LeaderLive, s.Voted = false, 7
	s.View.Members[1].Value.Detached, s.View.Members[1].Value.Streaming = true, false
	s.View.Members[2].Value.Lacking = true
	s.View.Ballots = []core.Versioned[core.Ballot]{
		{Value: core.Ballot{Name: "mdw", Epoch: 6, Timeline: 2, LSN: 0x2000000}, Rev: 500},
		{Value: core.Ballot{Name: "standby", Epoch: 7, Timeline: 3, LSN: 0x3000148, Replayed: 0x3000148, Priority: 1}, Rev: 950},
	}
	s.Postgres.Receiver, s.Postgres.Upstream = nil, ""
	s.Heard = []core.Heard{{Name: "mdw", At: Now.Add(-1200 * core.Millisecond), Beat: core.Beat{Name: "mdw", Epoch: 7, Open: true}}}
	s.Probe = core.Probe{Name: "mdw", Since: Now.Add(-900 * core.Millisecond)}
	s.Heartbeats = status.Heartbeats{Received: 4711, Sent: 1, Dropped: map[string]uint64{}}
	return s
}

func base(name string) *status.Snapshot {
	reason := core.Reason{
		Rule: "H-090", Section: "holder", Sentence: "Leading: renewing the leadership.",
		Conditions: []core.ConditionValue{{Name: "writable", Holds: true}, {Name: "switchover asked for", Holds: false}},
	}
	promote := core.Reason{Rule: "H-040", Section: "holder", Sentence: "The leadership is ours: promoting."}
	return &status.Snapshot{
		Cluster: "demo", Namespace: "/service", Name: name, Version: "0.1.0", Tick: 4242, At: Now, TTL: TTL,
		View: View(), Reason: reason, Plan: []core.ActionKind{core.ActCommit, core.ActArm},
		Recent: []status.Decision{
			{AtUnixNano: (wall - 600) * 1e9, Epoch: 7, Reason: promote, Plan: []core.ActionKind{core.ActPromote}},
			{AtUnixNano: (wall - 599) * 1e9, Epoch: 7, Reason: reason, Plan: []core.ActionKind{core.ActCommit, core.ActArm}},
		},
		Plugins: []status.Plugin{
			{Name: "etcd", Kind: "dcs", Version: "0.1.0", PID: 101, Up: true, Healthy: true},
			{Name: "postgres", Kind: "postgres", Version: "0.1.0", PID: 102, Up: true, Healthy: true, Restarts: 1},
		},
		DCSSeen: Now - core.Instant(200*core.Millisecond), DCSSeenUnix: wall, LeaderLive: true,
		Watchdog: status.Watchdog{Mode: "off"},
	}
}

// View is the cluster as the DCS shows it.
func View() *core.View {
	return &core.View{
		Revision: 900, AskedAt: Now, SeenAt: Now,
		Identity: core.Versioned[core.Identity]{Value: core.Identity{SystemID: 7345678901234567890}, Rev: 10},
		Config:   core.Versioned[core.Config]{Rev: 11},
		Epoch:    core.Versioned[core.EpochRecord]{Value: core.EpochRecord{Epoch: 7, Timeline: 3}, Rev: 800},
		Leader: core.Versioned[core.Leader]{
			Value: core.Leader{Holder: "mdw", Token: "t", Epoch: 7, TTL: TTL, Renewal: 99, LSN: 0x3000148, Timeline: 3}, Rev: 899,
		},
		Members: []core.Versioned[core.Member]{
			{Value: member("mdw", "10.0.0.1", core.RolePrimary, 0x3000148), Rev: 890},
			{Value: member("standby", "10.0.0.2", core.RoleStandby, 0x3000148), Rev: 891},
			{Value: lagging(), Rev: 892},
		},
		History: []core.Versioned[core.History]{
			{Value: core.History{Epoch: 1, Leader: "mdw", Timeline: 1, Lineage: "a1", Rule: "V-010", Reason: "bootstrap", At: (wall - 86400) * 1e9}, Rev: 20},
			{Value: core.History{Epoch: 6, Leader: "standby", Timeline: 2, SwitchLSN: 0x1000000, Lineage: "b2", Rule: "V-060", Reason: "expiry", At: (wall - 7200) * 1e9}, Rev: 700},
			{Value: core.History{Epoch: 7, Leader: "mdw", Timeline: 3, SwitchLSN: 0x2000000, Lineage: "c3", Rule: "V-050", Reason: "switchover", At: (wall - 600) * 1e9}, Rev: 801},
		},
	}
}

func member(name, host string, role core.Role, replayed core.LSN) core.Member {
	return core.Member{
		Name: name, API: host + ":8008", Host: host, Port: 5432, Version: "0.1.0", Beat: 5,
		Status: core.StatusRunning, Role: role, SystemID: 7345678901234567890, ServerVersion: 170002, Timeline: 3,
		LSN: 0x3000148, Replayed: replayed, WalEpoch: 7, Streaming: role == core.RoleStandby, Priority: 1,
	}
}

func lagging() core.Member {
	m := member("standby1", "10.0.0.3", core.RoleStandby, 0x2000000)
	m.NoFailover, m.Priority = true, 0
	m.Tags = map[string]string{"nofailover": "true", "zone": "b"}
	m.PendingRestart = []string{"max_connections"}
	return m
}
