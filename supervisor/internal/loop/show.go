// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// recentDecisions is how many changes of rule are kept for `pgvigil why`.
const recentDecisions = 50

// note keeps what Submit needs, and logs when the rule changed.
func (l *Loop) note(o core.Observation, plan core.Plan, reason core.Reason) {
	l.judged.Lock()
	l.judged.s, l.judged.o, l.judged.p = l.state, o, l.policy
	l.judged.Unlock()
	defer l.news(o.View)
	if n := len(l.recent); n > 0 && l.recent[n-1].Reason.Rule == reason.Rule {
		return
	}
	d := status.Decision{AtUnixNano: o.Wall, Epoch: l.epoch(o), Reason: reason, Plan: plan.Kinds()}
	l.recent = append(slices.Clone(l.recent[max(0, len(l.recent)-recentDecisions+1):]), d)
	l.Log.Info("decision", "rule", reason.Rule, "epoch", d.Epoch, "why", reason.Sentence, "plan", d.Plan)
}

// epoch is the one this member acts under.
func (l *Loop) epoch(o core.Observation) core.Epoch {
	switch {
	case l.state.Hold.Epoch != 0:
		return l.state.Hold.Epoch
	case o.View != nil:
		return o.View.Epoch.Value.Epoch
	}
	return 0
}

// show publishes the snapshot of this tick.
func (l *Loop) show(o core.Observation, plan core.Plan, reason core.Reason) {
	l.tick++
	l.handover = l.handover.Next(o.View, o.Now)
	s := &status.Snapshot{
		Cluster: l.Cluster, Namespace: l.Namespace, Name: l.Policy.Self.Name, Version: l.Policy.Self.Version,
		Tick: l.tick, At: o.Now, TTL: l.policy.TTL, Hold: l.state.Hold, Postgres: o.Postgres, View: o.View,
		Deadman: o.Deadman, Job: o.Job, Reason: reason, Plan: plan.Kinds(), Recent: l.recent,
		Plugins: l.Plugins(), Stale: core.Stale(l.state, o.Now, l.policy),
		LeaderLive: core.Live(l.state, o, l.policy), Watchdog: l.Watchdog.Status(),
		Heard: o.Heard, Probe: o.Probe, Heartbeats: l.Heartbeats(), DCSLatency: l.calls.latency(),
		Handover: l.handover,
	}
	if o.View != nil {
		if l.state.Voted == o.View.Epoch.Value.Epoch {
			s.Voted = l.state.Voted
		}
		s.DCSSeen = o.View.SeenAt
		s.DCSSeenUnix = time.Now().Add(-time.Duration(o.Now.Sub(o.View.SeenAt))).Unix()
	}
	l.snapshot.Store(s)
	if l.Ticked != nil {
		l.Ticked(s)
	}
}
