// SPDX-License-Identifier: Apache-2.0

package core

import "fmt"

// take is the transaction that replaces a leader: it compares exactly what was read, so that of all who decide
// on the same picture one wins. It reserves a timeline number no epoch has used.
func (f *facts) take() Action {
	v := f.view
	epoch := EpochRecord{
		Epoch:    v.Epoch.Value.Epoch + 1,
		Timeline: max(v.Epoch.Value.Timeline, f.pg.Timeline, f.leader.Timeline, 1) + 1, // a new database cluster begins on 1
	}
	if pgPrimary.holds(f) {
		epoch.Timeline-- // it is open already, and stays on its timeline
	}
	leader := Leader{
		Holder: f.p.Self.Name, Token: f.p.Self.Token, Epoch: epoch.Epoch, TTL: f.p.TTL, Renewal: 1, SentAt: f.o.Now,
		LSN: f.pg.LSN, Timeline: f.pg.Timeline, Reserved: epoch.Timeline, Paused: v.Config.Value.Paused,
	}
	c := &Commit{
		Purpose:  CommitLeader,
		Compares: append([]Compare{{KeyEpoch, v.Epoch.Rev}, {KeyCohort, v.Cohort.Rev}}, f.grounds()...),
		Writes:   []Write{{KeyEpoch, epoch}, {KeyLeader, leader}, {KeyCohort, f.inherited(epoch.Epoch)}},
	}
	if pgPrimary.holds(f) && identityMissing.holds(f) && f.pg.SystemID != 0 { // and whoever comes later must know which one it is
		c.Compares = append(c.Compares, Compare{KeyIdentity, 0})
		c.Writes = append(c.Writes, Write{KeyIdentity, f.identity()})
	}
	if done := f.handoverResult(); done != nil {
		c.Compares = append(c.Compares, Compare{KeyOperation, v.Operation.Rev})
		c.Writes = append(c.Writes, Write{KeyOperation, *done})
	}
	return Action{Kind: ActCommit, Epoch: epoch.Epoch, Commit: c}
}

// grounds are the records that a take-over rests on: the ballots, or a leader whose time is over or who has released.
func (f *facts) grounds() []Compare {
	if !f.electedByBallots() {
		return []Compare{{KeyLeader, f.view.Leader.Rev}}
	}
	var out []Compare
	for _, b := range f.recruits() {
		out = append(out, Compare{KeyBallot(b.Value.Name), b.Rev})
	}
	return out
}

// electedByBallots: enough of them stand, and they are what the take-over rests on.
func (f *facts) electedByBallots() bool {
	overridden := named.holds(f) && forced.holds(f)
	return quorate(f.o.View) && !f.complete() && !overridden && f.enough()
}

// inherited is the cohort of the next epoch: the same, so that what it keeps stays kept.
func (f *facts) inherited(e Epoch) Cohort {
	old := f.view.Cohort.Value
	switch {
	case quorate(f.o.View):
		return Cohort{Epoch: e, Members: with(old.Members, f.p.Self.Name), K: old.K}
	case !f.view.Epoch.Exists() && f.p.Quorum:
		return Cohort{Epoch: e, Members: []string{f.p.Self.Name}}
	}
	return Cohort{Epoch: e, Members: []string{}}
}

// handoverResult is what becomes of a pending hand-over when this node takes the leadership; nil when none is pending.
func (f *facts) handoverResult() *Operation {
	if !f.handoverAsked() {
		return nil
	}
	op := f.op
	op.State, op.Result = Done, fmt.Sprintf("%s leads", f.p.Self.Name)
	if op.To != "" && op.To != f.p.Self.Name {
		op.State, op.Result = Failed, fmt.Sprintf("%s took over instead of %s", f.p.Self.Name, op.To)
	}
	return &op
}

// rewrite is a change of the own leader record: it holds only if nobody else wrote it, nor began an epoch.
func (f *facts) rewrite(l Leader) Action {
	h := f.s.Hold
	l.Renewal, l.SentAt = h.Record.Renewal+1, f.o.Now
	return Action{Kind: ActCommit, Epoch: h.Epoch, Commit: &Commit{
		Purpose:  CommitLeader,
		Compares: []Compare{{KeyEpoch, h.EpochRev}, {KeyLeader, h.LeaderRev}},
		Writes:   []Write{{KeyLeader, l}},
	}}
}

// renew keeps the leadership.
func (f *facts) renew() Action {
	l := f.s.Hold.Record
	l.TTL, l.Paused, l.Handover = f.ttlToSay(), f.pauseWanted(), f.handoverToSay()
	if f.pg.LSN != 0 {
		l.LSN, l.Timeline = f.pg.LSN, f.pg.Timeline
	}
	return f.rewrite(l)
}

// release gives the leadership up. The caller has proven that PostgreSQL is not writable.
func (f *facts) release() Action {
	l := f.s.Hold.Record
	l.Released, l.Paused, l.FinalLSN = true, false, f.pg.LSN != 0
	if l.FinalLSN {
		l.LSN, l.Timeline = f.pg.LSN, f.pg.Timeline
	}
	if f.handoverAsked() && f.handoverBlocker() == "" {
		l.Successor = f.candidate()
		if l.Successor == "" {
			l.Successor = f.op.To
		}
	}
	return f.rewrite(l)
}

// fixIdentity ties the cluster to our database system.
func (f *facts) fixIdentity() Action {
	return f.underLeadership(Write{KeyIdentity, f.identity()}, Compare{KeyIdentity, 0})
}

func (f *facts) identity() Identity { return Identity{SystemID: f.pg.SystemID} }

// recordHistory writes down that this epoch opened for writes.
func (f *facts) recordHistory() Action {
	h := History{
		Epoch: f.s.Hold.Epoch, Leader: f.p.Self.Name, Timeline: f.pg.Timeline, Parent: f.s.Switch.Timeline, SwitchLSN: f.s.Switch.LSN,
		Lineage: fmt.Sprintf("%s-%d", f.p.Self.Token, f.s.Hold.Epoch), Rule: f.s.TakenBy,
		Reason: f.s.TakenWhy, At: f.o.Wall,
	}
	return f.underLeadership(Write{KeyOfHistory(h.Epoch), h}, Compare{KeyOfHistory(h.Epoch), 0})
}

// underLeadership is a write that holds only while our epoch does.
func (f *facts) underLeadership(w Write, c Compare) Action {
	return Action{Kind: ActCommit, Epoch: f.s.Hold.Epoch, Commit: &Commit{
		Purpose: CommitRecord, Compares: []Compare{{KeyEpoch, f.s.Hold.EpochRev}, c}, Writes: []Write{w},
	}}
}

// endOperation closes the pending operation.
func (f *facts) endOperation(state OperationState, result string) Action {
	op := f.op
	op.State, op.Result = state, result
	return Action{Kind: ActCommit, Epoch: f.epoch(), Commit: &Commit{
		Purpose: CommitOperation, Compares: []Compare{{KeyOperation, f.view.Operation.Rev}},
		Writes: []Write{{KeyOperation, op}},
	}}
}
