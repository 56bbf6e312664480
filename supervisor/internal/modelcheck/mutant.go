// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Mutant is a core with one thing wrong, made by lying to it and about it. The zero Mutant is the core as it is.
type Mutant struct {
	// Observe changes what the core is shown.
	Observe func(n *node, o *core.Observation)
	// Decided changes what the core decided, state and plan.
	Decided func(before core.State, o core.Observation, s *core.State, plan core.Plan) core.Plan
	// Restart changes what is left of a state after a restart of the supervisor.
	Restart func(*core.Durable)
	// Forgets: the store takes withdrawn ballots for absent.
	Forgets bool
}

// each changes the actions of a plan one by one; a nil result drops the action.
func each(change func(a core.Action) []core.Action) func(core.State, core.Observation, *core.State, core.Plan) core.Plan {
	return func(_ core.State, _ core.Observation, _ *core.State, plan core.Plan) core.Plan {
		var out core.Plan
		for _, a := range plan {
			out = append(out, change(a)...)
		}
		return out
	}
}

// uncompared drops a compare from the commits that write a key: of every key that has one of the prefixes.
func uncompared(purpose core.CommitPurpose, drop func(key string) bool) func(core.State, core.Observation, *core.State, core.Plan) core.Plan {
	return each(func(a core.Action) []core.Action {
		if a.Kind == core.ActCommit && a.Commit.Purpose == purpose {
			c := *a.Commit
			c.Compares = slices.DeleteFunc(slices.Clone(c.Compares), func(c core.Compare) bool { return drop(c.Key) })
			a.Commit = &c
		}
		return []core.Action{a}
	})
}

// cutOff is what a standby that receives nothing reports.
func cutOff(o *core.Observation) {
	pg := *o.Postgres
	pg.Upstream, pg.Receiver = "", nil
	o.Postgres = &pg
}

// ended makes a job look as if it had been done.
func ended(n *node, o *core.Observation) {
	o.Job = nil
	o.Finished = append(o.Finished, core.Finished{Kind: n.job.kind, Epoch: n.job.epoch, At: fresh, Outcome: core.OutcomeDone})
}

// votesEarly reads the vote before the receiver is gone.
func votesEarly() Mutant {
	return Mutant{Observe: func(n *node, o *core.Observation) {
		if n.job.kind != core.ActDetach {
			return
		}
		if n.state.Detached == 0 {
			ended(n, o)
		}
		o.Job = nil
		cutOff(o)
	}}
}

// votesUnfenced never stops receiving for a vote.
func votesUnfenced() Mutant {
	return Mutant{
		Observe: func(n *node, o *core.Observation) {
			if n.state.Detached != 0 {
				cutOff(o)
			}
		},
		Decided: func(_ core.State, o core.Observation, s *core.State, plan core.Plan) core.Plan {
			return slices.DeleteFunc(slices.Clone(plan), func(a core.Action) bool {
				if a.Kind == core.ActDetach {
					s.Detached = o.View.Epoch.Value.Epoch
				}
				return a.Kind == core.ActDetach
			})
		},
	}
}

// forgetsVote has no memory of a vote over a restart.
func forgetsVote() Mutant {
	return Mutant{Restart: func(d *core.Durable) { d.Voted, d.VotedRev = 0, 0 }}
}

// miscounts takes over with one recruit too few.
func miscounts() Mutant {
	return Mutant{Observe: func(n *node, o *core.Observation) {
		if o.View == nil || n.leads() {
			return
		}
		v := *o.View
		v.Ballots = slices.Clone(v.Ballots)
		for i := range maxNodes {
			b := v.Ballot(names[i])
			if i == n.self || b.Exists() || !slices.Contains(v.Cohort.Value.Members, names[i]) || v.Leader.Value.Holder == names[i] {
				continue
			}
			b.Value = core.Ballot{Name: names[i], Epoch: v.Epoch.Value.Epoch, Timeline: 1, LSN: 1}
			v.Ballots = append(v.Ballots, b)
			break
		}
		o.View = &v
	}}
}

// ignoresTimelines compares ballots by position alone.
func ignoresTimelines() Mutant {
	return Mutant{Observe: func(n *node, o *core.Observation) {
		if o.View == nil || n.leads() {
			return
		}
		v := *o.View
		v.Ballots = slices.Clone(v.Ballots)
		for i := range v.Ballots {
			v.Ballots[i].Value.Timeline = 1
		}
		o.View = &v
	}}
}

// forgetsLoss lets a member vote whose data was rewound or copied, whatever it lacks.
func forgetsLoss() Mutant {
	return Mutant{Decided: func(_ core.State, _ core.Observation, s *core.State, plan core.Plan) core.Plan {
		s.Lacking = false
		return plan
	}}
}

// forgetsAge lets a member vote that has come back with an older disk.
func forgetsAge() Mutant {
	return Mutant{Decided: func(_ core.State, _ core.Observation, s *core.State, plan core.Plan) core.Plan {
		s.Owed = core.Position{}
		return plan
	}}
}

// laxerFirst tells PostgreSQL to wait for less before the record allows it.
func laxerFirst() Mutant {
	return Mutant{Decided: func(before core.State, _ core.Observation, _ *core.State, plan core.Plan) core.Plan {
		for _, a := range plan {
			if a.Kind != core.ActCommit || a.Commit.Purpose != core.CommitCohort {
				continue
			}
			if c := a.Commit.Cohort(); c.K < before.Cohort.K || len(c.Members) > len(before.Cohort.Members) {
				set := core.SyncSet{Names: slices.DeleteFunc(slices.Clone(c.Members), func(n string) bool { return n == before.Hold.Record.Holder }), K: c.K}
				return append(slices.Clone(plan), core.Action{Kind: core.ActApply, Epoch: a.Epoch, Sync: set, Settle: true})
			}
		}
		return plan
	}}
}

// recordFirst makes the record laxer before PostgreSQL waits for more.
func recordFirst() Mutant {
	return Mutant{Decided: func(before core.State, o core.Observation, _ *core.State, plan core.Plan) core.Plan {
		if before.Cohort.Epoch == 0 || before.Cohort.Epoch != before.Hold.Epoch {
			return plan
		}
		self := before.Hold.Record.Holder
		return each(func(a core.Action) []core.Action {
			if a.Kind != core.ActApply || o.Postgres.Role != core.RolePrimary || len(a.Sync.Names)+1 >= len(before.Cohort.Members) {
				return []core.Action{a}
			}
			ms := append(slices.Clone(a.Sync.Names), self)
			slices.Sort(ms)
			return []core.Action{{Kind: core.ActCommit, Epoch: a.Epoch, Commit: &core.Commit{
				Purpose:  core.CommitCohort,
				Compares: []core.Compare{{Key: core.KeyEpoch, Rev: before.Hold.EpochRev}, {Key: core.KeyCohort, Rev: o.View.Cohort.Rev}},
				Writes:   []core.Write{{Key: core.KeyCohort, Record: core.Cohort{Epoch: before.Hold.Epoch, Members: ms, K: a.Sync.K}}},
			}}}
		})(before, o, nil, plan)
	}}
}

// noBarrier shrinks the cohort whatever the rest of it has.
func noBarrier() Mutant {
	return Mutant{Observe: func(_ *node, o *core.Observation) {
		pg := *o.Postgres
		pg.SyncBarrier = 0
		o.Postgres = &pg
	}}
}

// earlyBarrier reads the barrier while processes with the older value are still there.
func earlyBarrier() Mutant {
	return Mutant{Observe: func(n *node, o *core.Observation) {
		if n.job.kind != core.ActApply || n.job.phase != 1 {
			return
		}
		ended(n, o)
		pg := *o.Postgres
		pg.SyncSettled, pg.SyncBarrier = true, pg.LSN
		o.Postgres = &pg
	}}
}

// followsEarly re-attaches before the withdrawal of the ballot is known to be applied.
func followsEarly() Mutant {
	return Mutant{Decided: func(_ core.State, _ core.Observation, s *core.State, plan core.Plan) core.Plan {
		for _, a := range plan {
			if a.Kind == core.ActCommit && a.Commit.Purpose == core.CommitBallot && a.Commit.Writes[0].Record.(core.Ballot).Withdrawn {
				s.Voted, s.VotedRev, s.Detached, s.VotedAt = 0, 0, 0, 0
			}
		}
		return plan
	}}
}

// opensFirst promotes before PostgreSQL knows whom to wait for.
func opensFirst() Mutant {
	return Mutant{Decided: func(_ core.State, o core.Observation, s *core.State, plan core.Plan) core.Plan {
		return each(func(a core.Action) []core.Action {
			leads := s.Hold.Epoch != 0 && o.Postgres.Role == core.RoleStandby && o.Postgres.Status == core.StatusRunning
			switch {
			case leads && a.Kind == core.ActApply:
				s.Promoted, s.PromotedPID, s.Writable = s.Hold.Epoch, o.Postgres.PostmasterPID, true
				return []core.Action{{Kind: core.ActPromote, Epoch: s.Hold.Epoch, Timeline: s.Hold.Record.Reserved - 1}}
			case a.Kind == core.ActPromote:
				a.Sync = core.SyncSet{}
			}
			return []core.Action{a}
		})(core.State{}, o, s, plan)
	}}
}

// forces takes a failover for one in which the operator accepts a loss.
func forces() Mutant {
	return Mutant{Observe: func(_ *node, o *core.Observation) {
		if o.View != nil && o.View.Operation.Value.Kind == core.Failover {
			v := *o.View
			v.Operation.Value.Force = true
			o.View = &v
		}
	}}
}

// forgetsSent has no memory of a cohort record that may still be applied.
func forgetsSent() Mutant {
	return Mutant{Decided: func(_ core.State, _ core.Observation, s *core.State, plan core.Plan) core.Plan {
		s.Sent = core.Cohort{}
		return plan
	}}
}

// restartsBlind has no memory of the cohort over a restart, and takes not knowing it for there being none.
func restartsBlind() Mutant {
	return Mutant{Decided: func(_ core.State, o core.Observation, s *core.State, plan core.Plan) core.Plan {
		if o.View == nil && s.Hold.Epoch != 0 && o.Postgres.SyncNames != "" {
			return append(slices.Clone(plan), core.Action{Kind: core.ActApply, Epoch: s.Hold.Epoch})
		}
		return plan
	}}
}
