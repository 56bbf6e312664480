// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strconv"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

func (v *view) status(now core.Instant) Status {
	return Status{
		APIVersion: Version,
		Cluster:    v.describeCluster(),
		Self:       v.describeSelf(now),
		Members:    v.describeMembers(),
		Operation:  v.operation(),
		Decision:   v.decision(),
		Plugins:    v.describePlugins(),
	}
}

func (v *view) describeCluster() Cluster {
	c := Cluster{Name: v.Cluster, Namespace: v.Namespace, Paused: v.paused(), Leader: v.leader(), Durability: "async"}
	if v.View == nil {
		return c
	}
	if id := v.View.Identity.Value.SystemID; id != 0 {
		c.SystemID = strconv.FormatUint(id, 10)
	}
	leader := v.View.Leader.Value
	c.Epoch = v.View.Epoch.Value.Epoch
	c.Released, c.Successor = leader.Released, leader.Successor
	if c.Quorum = v.describeQuorum(); c.Quorum != nil {
		c.Durability = "quorum"
	}
	return c
}

func (v *view) describeSelf(now core.Instant) Self {
	s := Self{
		Name: v.Name, Version: v.Version, Tick: v.Tick,
		AgeSeconds: seconds(now.Sub(v.At)), TTLSeconds: seconds(v.TTL),
		Hold:       describeHold(v.Hold, now),
		Postgres:   v.describeInstance(now),
		Deadman:    describeDeadman(v.Deadman, now),
		Heartbeats: v.describeHeartbeats(now), Probe: v.describeProbe(now), VotedEpoch: v.Voted,
		Watchdog: describeWatchdog(v.Watchdog, now),
	}
	if j := v.Job; j != nil {
		s.Job = &Job{string(j.Kind), j.Epoch, seconds(now.Sub(j.Since)), j.Phase, j.Done, j.Total}
	}
	if l := v.DCSLatency; l.Count() > 0 {
		s.DCSLatency = &Latency{l.Count(), precise(l.Quantile(0.5)), precise(l.Quantile(0.99))}
	}
	if v.DCSSeen != 0 {
		age := seconds(now.Sub(v.DCSSeen))
		s.DCSAgeSeconds = &age
	}
	return s
}

// precise is a span in seconds, to the microsecond.
func precise(d core.Span) float64 { return float64(d/1000) / 1e6 }

func describeHold(h core.Hold, now core.Instant) Hold {
	out := Hold{Valid: h.Valid(now), Epoch: h.Epoch, Indefinite: h.Indefinite}
	if h.Epoch != 0 && !h.Indefinite {
		out.SecondsLeft = seconds(h.Deadline.Sub(now))
	}
	return out
}

func describeDeadman(d core.Deadman, now core.Instant) Deadman {
	out := Deadman{Present: d.Present, Armed: d.ArmedUntil != 0}
	if out.Armed {
		out.SecondsLeft = seconds(d.ArmedUntil.Sub(now))
	}
	return out
}

func describeWatchdog(w status.Watchdog, now core.Instant) Watchdog {
	out := Watchdog{Mode: w.Mode, Armed: w.Armed, TimeoutSeconds: w.Timeout.Seconds(), LastReset: w.LastReset, Message: w.Message}
	if w.Fires != 0 {
		out.SecondsLeft = seconds(w.Fires.Sub(now))
	}
	return out
}

func (v *view) describeInstance(now core.Instant) *Postgres {
	p := v.Postgres
	if p == nil {
		return nil
	}
	out := &Postgres{
		Status: stateWord(p.Status, ""), Role: patroniRole(p.Role), Message: p.Message, AgeSeconds: seconds(now.Sub(p.At)),
		Timeline: p.Timeline, LSN: p.LSN.String(), Received: p.Received.String(), Replayed: p.Replayed.String(),
		ReplicationState: v.replicationState(), Upstream: p.Upstream, PostmasterPID: p.PostmasterPID,
		ServerVersion: p.ServerVersion, DataDir: p.DataDir, SyncNames: p.SyncNames, PendingRestart: p.PendingRestart,
	}
	for _, s := range p.Senders {
		out.Senders = append(out.Senders, Sender{s.Member, s.State, s.SyncState, s.Flush.String(), s.Replay.String()})
	}
	return out
}

func (v *view) describeMembers() []Member {
	members := []Member{}
	if v.View == nil {
		return members
	}
	for _, m := range v.View.Members {
		members = append(members, v.describeMember(m.Value))
	}
	return members
}

func (v *view) describeMember(m core.Member) Member {
	out := Member{
		Name: m.Name, API: v.url(m), Host: m.Host, Port: m.Port, Version: m.Version,
		Role: v.memberRole(m), State: v.memberState(m), Stale: v.stale(m.Name), Message: m.Message,
		Epoch: m.WalEpoch, Timeline: m.Timeline, LSN: m.LSN.String(), Replayed: m.Replayed.String(),
		ServerVersion: m.ServerVersion, Upstream: m.Upstream, PendingRestart: m.PendingRestart, Job: m.Job,
		Sync: v.synchronousMember(m.Name), Detached: m.Detached, Lacking: m.Lacking,
		NoFailover: m.NoFailover, Priority: m.Priority, Tags: m.Tags,
	}
	if out.Role == "replica" && m.Status == core.StatusRunning && !out.Stale && v.end != 0 {
		receive, replay := v.behind(m.LSN), v.behind(m.Replayed)
		out.ReceiveLag, out.ReplayLag = &receive, &replay
	}
	return out
}

func (v *view) memberRole(m core.Member) string {
	switch {
	case m.Name == v.leader():
		return "leader"
	case m.Role == core.RolePrimary:
		return "primary"
	case m.Role == core.RoleStandby:
		return "replica"
	}
	return ""
}

// operation is the last operation asked for, nil when there was none.
func (v *view) operation() *Operation {
	if v.View == nil || !v.View.Operation.Exists() {
		return nil
	}
	op := describeOperation(v.View.Operation.Value)
	if v.Handover.ID == op.ID {
		op.Handover = describeHandover(v.Handover)
	}
	return op
}

func describeOperation(o core.Operation) *Operation {
	return &Operation{
		ID: o.ID, Kind: string(o.Kind), From: o.From, To: o.To, AcceptDataLoss: o.Force, By: o.By, At: wallClock(o.At),
		State: string(o.State), Result: o.Result,
	}
}

// decision is the present one, with the time of the change that brought it if that is still known.
func (v *view) decision() Decision {
	d := describeDecision(v.Reason, v.Plan)
	if v.View != nil {
		d.Epoch = v.View.Epoch.Value.Epoch
	}
	if n := len(v.Recent); n > 0 && v.Recent[n-1].Reason.Rule == v.Reason.Rule {
		d.At = wallClock(v.Recent[n-1].AtUnixNano)
	}
	return d
}

func (v *view) why() Why {
	w := Why{APIVersion: Version, Cluster: v.Cluster, Member: v.Name, Decision: v.decision(), Recent: []Decision{}, Quorum: v.describeQuorum()}
	for _, r := range v.Recent {
		w.Recent = append(w.Recent, describeChange(r))
	}
	return w
}

func describeChange(r status.Decision) Decision {
	d := describeDecision(r.Reason, r.Plan)
	d.At, d.Epoch = wallClock(r.AtUnixNano), r.Epoch
	return d
}

func describeDecision(r core.Reason, plan []core.ActionKind) Decision {
	d := Decision{Rule: string(r.Rule), Section: r.Section, Sentence: r.Sentence, Conditions: []Condition{}, Plan: words(plan)}
	for _, c := range r.Conditions {
		d.Conditions = append(d.Conditions, Condition{c.Name, c.Holds})
	}
	return d
}

func words(kinds []core.ActionKind) []string {
	out := make([]string, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return out
}

func (v *view) describePlugins() []Plugin {
	plugins := []Plugin{}
	for _, p := range v.Plugins {
		plugins = append(plugins, Plugin{p.Name, p.Kind, p.Version, p.PID, p.Up, p.Healthy, p.Restarts, p.Message})
	}
	return plugins
}
