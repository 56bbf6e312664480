// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"slices"
)

// compareBallots orders better ones first. It is total: every member finds the same one best. Timeline numbers are reserved
// by take-overs, greater with every epoch, so that they tell whose WAL is newer.
func compareBallots(a, b Ballot) int {
	lag := func(x Ballot) LSN { return max(x.LSN, x.Replayed) - x.Replayed }
	return cmp.Or(
		cmp.Compare(b.Timeline, a.Timeline),
		cmp.Compare(b.LSN, a.LSN),
		cmp.Compare(lag(a), lag(b)),
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.Name, b.Name),
	)
}

// elector: of the cohort, with all that this member ever acknowledged.
func (f *facts) elector() bool {
	return quorate(f.o.View) && slices.Contains(f.view.Cohort.Value.Members, f.p.Self.Name) && !f.s.Lacking &&
		dataKnown.holds(f) && f.pg.Timeline <= f.view.Epoch.Value.Timeline
}

// bound: a promise not to vote is in force, or may be: this boot is younger than any promise of the last.
func (f *facts) bound() bool {
	if f.s.Promised.Epoch == f.view.Epoch.Value.Epoch && f.o.Now < f.s.Promised.Until {
		return true
	}
	return f.o.Now < f.unboundAt()
}

// unboundAt is when the promises of the last boot are over for sure.
func (f *facts) unboundAt() Instant {
	return f.s.Awake.Add(max(f.p.TTL, f.leader.TTL).longer(f.p.DriftPPM))
}

// contested: this member has voted in the epoch, or is about to.
func (f *facts) contested() bool {
	return f.voted() || f.elector() && f.suspected() && !f.bound()
}

// voted: a ballot of ours may stand in this epoch.
func (f *facts) voted() bool {
	return f.view.Epoch.Exists() && f.s.Voted == f.view.Epoch.Value.Epoch
}

// detached: PostgreSQL receives nothing, and will not.
func (f *facts) detached() bool {
	return f.s.Detached != 0 && f.s.Detached == f.view.Epoch.Value.Epoch && pgStandby.holds(f) && f.pg.Upstream == "" && f.pg.Receiver == nil
}

// position is where PostgreSQL stands.
func (f *facts) position() Position { return Position{f.pg.Timeline, f.pg.LSN} }

// counted are the ballots of the cohort that stand in this epoch, best first.
func (f *facts) counted() []Versioned[Ballot] {
	var out []Versioned[Ballot]
	for _, b := range f.view.Ballots {
		v := b.Value
		if v.Epoch == f.view.Epoch.Value.Epoch && !v.Withdrawn && v.LSN != 0 && v.Timeline <= f.view.Epoch.Value.Timeline &&
			slices.Contains(f.view.Cohort.Value.Members, v.Name) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b Versioned[Ballot]) int { return compareBallots(a.Value, b.Value) })
	return out
}

// ownBallot tells whether ours is counted.
func (f *facts) ownBallot() bool {
	return slices.ContainsFunc(f.counted(), func(b Versioned[Ballot]) bool { return b.Value.Name == f.p.Self.Name })
}

// recruits are the ballots that are no better than ours, ours first: those that we could lead with.
func (f *facts) recruits() []Versioned[Ballot] {
	all := f.counted()
	own := slices.IndexFunc(all, func(b Versioned[Ballot]) bool { return b.Value.Name == f.p.Self.Name })
	if own < 0 {
		return nil
	}
	return all[own:]
}

// enough: whatever was acknowledged, one of those who stopped receiving has it, and we have what they have. The epoch's own
// leader has everything: with its ballot no other is needed.
func (f *facts) enough() bool {
	c, recruits := f.view.Cohort.Value, f.recruits()
	leader := slices.ContainsFunc(recruits, func(b Versioned[Ballot]) bool { return b.Value.Name == f.leader.Holder })
	return leader || len(recruits) > 0 && len(recruits) >= len(c.Members)-c.K
}

// betterComes: a better recruit has its time to take over, or one may still come. The leader, which PostgreSQL has just left, is
// not waited for: what it alone has was not acknowledged.
func (f *facts) betterComes() bool {
	waited := f.o.Now.Sub(f.s.VotedAt)
	counted := f.counted()
	if len(counted) > len(f.recruits()) {
		return waited < 4*f.p.BallotGrace()
	}
	if waited >= f.p.BallotGrace() {
		return false
	}
	for _, n := range f.view.Cohort.Value.Members {
		voted := slices.ContainsFunc(counted, func(b Versioned[Ballot]) bool { return b.Value.Name == n })
		if !voted && n != f.leader.Holder && f.alive(n) {
			return true
		}
	}
	return false
}

// othersElect: this member gave up, and enough others are there to go on without it. They have their time.
func (f *facts) othersElect() bool {
	c, others := f.view.Cohort.Value, 0
	for _, n := range c.Members {
		if n != f.p.Self.Name && f.alive(n) && !f.view.Member(n).Value.Lacking {
			others++
		}
	}
	return f.leader.Released && f.leader.Holder == f.p.Self.Name && others >= len(c.Members)-c.K &&
		f.o.Now.Sub(f.s.RaceSince) < f.p.RestartGrace()
}

// vote is our ballot. The caller has proven that PostgreSQL is detached.
func (f *facts) vote() Action {
	return f.ballot(Ballot{
		Name: f.p.Self.Name, Epoch: f.view.Epoch.Value.Epoch, Timeline: f.pg.Timeline, LSN: f.pg.LSN,
		Replayed: f.pg.Replayed, Priority: f.p.Self.Priority,
	})
}

// withdraw takes our ballot back, also one whose answer was lost.
func (f *facts) withdraw() Action {
	return f.ballot(Ballot{Name: f.p.Self.Name, Epoch: f.view.Epoch.Value.Epoch, Withdrawn: true})
}

func (f *facts) ballot(b Ballot) Action {
	key := KeyBallot(b.Name)
	return Action{Kind: ActCommit, Epoch: b.Epoch, Commit: &Commit{
		Purpose:  CommitBallot,
		Compares: []Compare{{KeyEpoch, f.view.Epoch.Rev}, {key, f.view.Ballot(b.Name).Rev}},
		Writes:   []Write{{key, b}},
	}}
}
