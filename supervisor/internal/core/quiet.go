// SPDX-License-Identifier: Apache-2.0

package core

import "slices"

// Calm tells, of the state after a decision and the observation it was made on, that nothing is under way: an open
// leader whose cohort and PostgreSQL are in step, or a standby that streams from one, with every own write seen. What QuietView and
// QuietPostgres call quiet may then wait for the next tick, which is never later than Wake says.
func Calm(s State, o Observation) bool {
	v, pg := o.View, o.Postgres
	if v == nil || pg == nil || s.Voted != 0 || s.Lacking || o.Stopping || o.Job != nil || len(s.Retries) > 0 {
		return false
	}
	if !s.Claim.Done || s.RaceSince != 0 || v.Operation.Value.State == Pending || v.Revision < s.LastCommit {
		return false
	}
	if pg.Status != StatusRunning || pg.At < s.LastJobEnd {
		return false
	}
	if s.Hold.Epoch == 0 {
		return streaming(pg)
	}
	return pg.Role == RolePrimary && s.inStep()
}

// Fresh tells whether reports about PostgreSQL are wanted more often than they come by themselves: while a leader is in doubt, and
// while this member regains its vote. s is the state that Decide returned for o.
func Fresh(s State, o Observation, p Policy) bool {
	return ProbeOf(s, o, p) != nil || s.Lacking && o.Postgres != nil && streaming(o.Postgres)
}

// Urgent tells whether the DCS is to be read again and again although a watch brings its changes: in the first seconds of an
// election, when the watch may hang on the very host that was lost. s is the state that Decide returned for o.
func Urgent(s State, o Observation) bool {
	const enough = 5 * Second
	if o.View == nil {
		return false
	}
	voted := s.Voted != 0 && s.Voted == o.View.Epoch.Value.Epoch && (s.VotedAt == 0 || o.Now.Sub(s.VotedAt) < enough)
	return voted || s.RaceSince != 0 && o.Now.Sub(s.RaceSince) < enough
}

// inStep: the record, PostgreSQL and what it was told last agree.
func (s State) inStep() bool {
	return s.Sent.Epoch == 0 && s.Base.String() == s.Told.String() && syncSetOf(s.Cohort, s.Hold.Record.Holder).String() == s.Told.String()
}

// QuietView tells whether a picture differs from the one before in nothing but beats, positions, and renewals by this
// member itself. A renewal by another is news: the time until it runs out counts from when it is seen.
func QuietView(before, after *View, self string) bool {
	return before.Identity == after.Identity && before.Config == after.Config && before.Epoch == after.Epoch &&
		before.Cohort.Rev == after.Cohort.Rev && before.Operation == after.Operation &&
		quietLeader(before.Leader, after.Leader, self) &&
		slices.EqualFunc(before.Members, after.Members, quietMember) &&
		slices.Equal(before.Ballots, after.Ballots) && slices.Equal(before.History, after.History)
}

func quietLeader(before, after Versioned[Leader], self string) bool {
	if before.Rev == after.Rev {
		return true
	}
	a, b := before.Value, after.Value
	a.Renewal, a.SentAt, a.LSN = b.Renewal, b.SentAt, b.LSN
	return before.Exists() && after.Exists() && a == b && a.Holder == self
}

func quietMember(before, after Versioned[Member]) bool {
	return before.Rev == after.Rev || before.Exists() && after.Exists() && sameMember(before.Value, after.Value)
}

// QuietPostgres tells whether a report about a running PostgreSQL differs from the one before in nothing but positions.
func QuietPostgres(before, after *Postgres) bool {
	a, b := before, after
	return a.Status == StatusRunning && b.Status == StatusRunning && a.Role == b.Role && a.Message == b.Message &&
		a.Empty == b.Empty && a.HalfRewound == b.HalfRewound && a.SystemID == b.SystemID && a.Timeline == b.Timeline &&
		(a.LSN == 0) == (b.LSN == 0) &&
		quietReceiver(a.Receiver, b.Receiver) && slices.EqualFunc(a.Senders, b.Senders, quietSender) &&
		a.PostmasterPID == b.PostmasterPID && a.StartedUnix == b.StartedUnix && a.ServerVersion == b.ServerVersion &&
		slices.Equal(a.PendingRestart, b.PendingRestart) && a.Launched == b.Launched && a.DataDir == b.DataDir &&
		a.Upstream == b.Upstream && a.Restores == b.Restores && a.Checkpointed == b.Checkpointed && slices.Equal(a.Slots, b.Slots) &&
		a.SyncNames == b.SyncNames && a.SyncSettled == b.SyncSettled && a.SyncBarrier == b.SyncBarrier &&
		a.ReplayPaused == b.ReplayPaused
}

func quietReceiver(a, b *Receiver) bool {
	if a == nil || b == nil {
		return a == b
	}
	x := *a
	x.Silence = b.Silence
	return x == *b
}

func quietSender(a, b Sender) bool {
	a.Sent, a.Write, a.Flush, a.Replay = b.Sent, b.Write, b.Flush, b.Replay
	return a == b
}
