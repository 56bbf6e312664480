// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"strings"
)

// wroteCohort notes that a cohort record of ours stands. Without that answer it may be applied at any time, and a conflict may be
// one with an earlier copy of itself: only the record tells.
func (s State) wroteCohort(c Committed) State {
	if c.Outcome == OutcomeDone {
		s.Cohort, s.Sent = *c.Cohort, Cohort{}
	}
	return s
}

// observedOwn notes what the records of this member in the DCS say of its past: where it has been, and what became of its vote.
func (s State) observedOwn(v *View, p Policy) State {
	own := v.Ballot(p.Self.Name)
	b := own.Value
	if m := v.Member(p.Self.Name).Value; !s.Claim.Done {
		s.Owed = latest(s.Owed, m.Owed, Position{m.Timeline, m.LSN}, Position{b.Timeline, b.LSN})
		if l := v.Leader.Value; l.Holder == p.Self.Name {
			s.Owed = latest(s.Owed, Position{l.Timeline, l.LSN})
		}
		older := m.Beat > s.Beat
		s.Lacking = s.Lacking || m.Lacking || older
		if e := v.Epoch.Value.Epoch; older && quorate(v) && s.Voted != e {
			s.Voted, s.VotedRev = e, own.Rev // a vote that this disk does not know of may still be on its way
		}
	}
	if v.Revision < s.LastCommit {
		return s
	}
	if b.Epoch != 0 && b.Epoch == v.Epoch.Value.Epoch && !b.Withdrawn && s.Voted != b.Epoch {
		s.Voted, s.VotedRev = b.Epoch, own.Rev // of an older disk than the vote
	}
	over := s.Voted < v.Epoch.Value.Epoch || b.Epoch == s.Voted && b.Withdrawn && own.Rev > s.VotedRev
	switch {
	case s.Voted != 0 && over:
		s.Voted, s.VotedRev, s.Detached, s.VotedAt = 0, 0, 0, 0
	case b.Epoch != v.Epoch.Value.Epoch || b.Withdrawn:
		s.VotedAt = 0
	case s.VotedAt == 0:
		s.VotedAt = v.SeenAt
	}
	return s
}

// observedComplete notes that nothing can be missing here: all the WAL of a leader that gave up is.
func (s State) observedComplete(o Observation, p Policy) State {
	if f := gather(s, o, p); s.Lacking && pgKnown.holds(f) && pgStandby.holds(f) && f.complete() && !f.position().before(s.Owed) {
		s.Lacking, s.Owed = false, Position{}
	}
	return s
}

// latest is the last place of some.
func latest(first Position, more ...Position) Position {
	for _, p := range more {
		if first.before(p) {
			first = p
		}
	}
	return first
}

// observedCohort notes, of an own leadership, who keeps its commits, which standbys are fit, and what was promised.
func (s State) observedCohort(o Observation, p Policy) State {
	if s.Hold.Epoch == 0 {
		s.LedSince, s.Synced = 0, nil
		s.Cohort, s.Sent, s.Told, s.Base = Cohort{}, Cohort{}, SyncSet{}, SyncSet{}
		return s
	}
	if s.LedSince == 0 {
		s.LedSince = o.Now
	}
	v := o.View
	if v != nil && v.Revision >= s.LastCommit && v.Cohort.Value.Epoch == s.Hold.Epoch {
		s.Cohort = v.Cohort.Value
		if sameCohort(s.Cohort, s.Sent) {
			s.Sent = Cohort{}
		}
	}
	s.Synced = s.stillSynced(o, p)
	s = s.observedSettled(o)
	return s.promisedLonger(o, p)
}

// observedSettled notes that every process of the open primary waits as it was told last.
func (s State) observedSettled(o Observation) State {
	pg := o.Postgres
	telling := o.Job != nil && (o.Job.Kind == ActApply || o.Job.Kind == ActPromote)
	if pg != nil && !telling && pg.At >= s.LastJobEnd && pg.Status == StatusRunning && pg.Role == RolePrimary &&
		pg.SyncSettled && pg.SyncNames == s.Told.String() {
		s.Base = s.Told
	}
	return s
}

// stillSynced carries over when each member was last fit to be a synchronous standby.
func (s State) stillSynced(o Observation, p Policy) []MemberAt {
	f := gather(s, o, p)
	var out []MemberAt
	for _, m := range f.view.Members {
		at := f.syncedAt(m.Value.Name)
		if f.synced(m.Value.Name) {
			at = o.Now
		}
		out = append(out, MemberAt{m.Value.Name, at})
	}
	slices.SortFunc(out, func(a, b MemberAt) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// promisedLonger moves the deadline to where the promises of the cohort reach, under each cohort that may be in force.
func (s State) promisedLonger(o Observation, p Policy) State {
	if s.Cohort.Epoch != s.Hold.Epoch {
		return s
	}
	until := promisedUntil(s.Cohort, o.Heard, s.Hold.Record.TTL, p)
	if s.Sent.Epoch == s.Hold.Epoch {
		until = min(until, promisedUntil(s.Sent, o.Heard, s.Hold.Record.TTL, p))
	}
	s.Hold.Deadline = max(s.Hold.Deadline, until)
	return s
}
