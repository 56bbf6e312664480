// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"
	"strings"
)

// Quorum durability rests on one relation between what PostgreSQL waits for and who may elect. PostgreSQL acknowledges a commit
// when its leader and syncSet.k of syncSet.names have flushed it; a take-over needs the ballots of all but K of the cohort.
// If the set covers the cohort (covers), every choice of the one meets every choice of the other, and who takes over has the
// commit. So the record is made stricter before PostgreSQL is made laxer, and PostgreSQL stricter, with a barrier, before the
// record is made laxer.

// syncSet is what synchronous_standby_names says: k of names.
type syncSet struct {
	names []string // ascending
	k     int
}

// syncSetOf is what a cohort asks of PostgreSQL of one of its members.
func syncSetOf(c Cohort, leader string) syncSet {
	return syncSet{without(c.Members, leader), c.K}
}

// String is the value of synchronous_standby_names; empty when nobody is waited for.
func (s syncSet) String() string {
	if s.k == 0 {
		return ""
	}
	return fmt.Sprintf(`ANY %d ("%s")`, s.k, strings.Join(s.names, `", "`))
}

// covers tells whether each commit acknowledged by the set is known to one of every len(Members) - K members of a cohort.
func (s syncSet) covers(c Cohort) bool {
	outside := 0
	for _, n := range s.names {
		if !slices.Contains(c.Members, n) {
			outside++
		}
	}
	return s.k-outside >= c.K || c.K == 0
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

func with(names []string, more ...string) []string {
	out := append(slices.Clone(names), more...)
	slices.Sort(out)
	return slices.Compact(out)
}

func sameCohort(a, b Cohort) bool { return a.K == b.K && slices.Equal(a.Members, b.Members) }

// quorate tells whether the epoch of a picture has quorum durability.
func quorate(v *View) bool {
	return v != nil && v.Epoch.Exists() && v.Cohort.Value.Epoch == v.Epoch.Value.Epoch && len(v.Cohort.Value.Members) > 0
}

// cohort is that of our own epoch, as last written or seen; zero when it is not known.
func (f *facts) cohort() Cohort {
	if f.s.Cohort.Epoch == f.epoch() {
		return f.s.Cohort
	}
	return Cohort{}
}

// cohortKnown: what PostgreSQL has to wait for can be told.
func (f *facts) cohortKnown() bool {
	return f.o.View != nil && (f.s.Hold.Epoch == 0 || f.s.Cohort.Epoch == f.s.Hold.Epoch)
}

// wanted is the cohort that this leader should have: itself, and the standbys that are fit, as many as the policy asks for.
// With too few for min_sync it stays as it is, and commits wait.
func (f *facts) wanted() Cohort {
	now := f.cohort()
	if !f.p.Quorum {
		return Cohort{Epoch: now.Epoch, Members: []string{}}
	}
	fit := f.fit()
	k := min(f.p.SyncStandbys, len(fit))
	switch {
	case k < f.p.MinSync && len(now.Members) > 0:
		return now
	case k < f.p.MinSync || k == 0:
		return f.alone()
	}
	return Cohort{Epoch: now.Epoch, Members: with(fit, f.p.Self.Name), K: k}
}

// alone is the cohort in which nobody else may take over.
func (f *facts) alone() Cohort {
	return Cohort{Epoch: f.epoch(), Members: []string{f.p.Self.Name}}
}

// fit are the standbys to wait for, ascending: those that stream now, and those of the cohort that did a moment ago.
func (f *facts) fit() []string {
	var out []string
	for _, m := range f.view.Members {
		name := m.Value.Name
		member := slices.Contains(f.cohort().Members, name)
		if name == f.p.Self.Name || m.Value.NoFailover {
			continue
		}
		if f.synced(name) || member && f.o.Now.Sub(f.syncedAt(name)) < f.p.SyncGrace() {
			out = append(out, name)
		}
	}
	return with(out)
}

// synced: the member's PostgreSQL streams from us, and its supervisor could vote.
func (f *facts) synced(name string) bool {
	m := f.view.Member(name).Value
	return f.sender(name).State == "streaming" && f.alive(name) && !m.Lacking && m.Status == StatusRunning && m.Role == RoleStandby
}

// syncedAt is when the member was last seen so; the beginning of our leadership when it never was.
func (f *facts) syncedAt(name string) Instant {
	for _, m := range f.s.Synced {
		if m.Name == name {
			return m.At
		}
	}
	return f.s.LedSince
}

// nextCohort is what the record should say next on the way to the wanted one.
func (f *facts) nextCohort() Cohort {
	now, want := f.cohort(), f.wanted()
	switch {
	case f.s.Sent.Epoch == now.Epoch:
		return f.s.Sent // it may have been applied, and must be known before another is
	case len(want.Members) == 0, sameCohort(now, want):
		return want
	case len(now.Members) == 0:
		return f.alone()
	case !syncSetOf(want, f.p.Self.Name).covers(now):
		return Cohort{Epoch: now.Epoch, Members: with(now.Members, want.Members...), K: min(now.K, want.K)}
	case f.barred(want):
		return want
	}
	return now
}

// barred: PostgreSQL waits as a cohort asks, and enough of its standbys have all that was acknowledged before it did.
func (f *facts) barred(c Cohort) bool {
	set := syncSetOf(c, f.p.Self.Name)
	if f.pg.SyncNames != set.String() || !f.pg.SyncSettled {
		return false
	}
	n := 0
	for _, name := range set.names {
		if s := f.sender(name); s.Flush >= f.pg.SyncBarrier && s.Flush != 0 {
			n++
		}
	}
	return n >= set.k
}

// syncNames is what PostgreSQL here should wait for: on the way to the wanted cohort as soon as the record allows it. The caller
// has made sure that the cohort is known.
func (f *facts) syncNames() string {
	self := f.p.Self.Name
	if f.s.Hold.Epoch == 0 {
		if !quorate(f.o.View) {
			return ""
		}
		return syncSetOf(f.view.Cohort.Value, self).String()
	}
	now, want := f.cohort(), f.wanted()
	switch {
	case len(now.Members) == 0:
		return ""
	case len(want.Members) > 0 && pgPrimary.holds(f) && syncSetOf(want, self).covers(now):
		return syncSetOf(want, self).String()
	}
	return syncSetOf(now, self).String()
}

// syncReady: PostgreSQL would wait, from its first commit on, as the record asks.
func (f *facts) syncReady() bool {
	if !f.cohortKnown() {
		return false
	}
	want := f.syncNames()
	return want == "" || f.pg.SyncNames == want && f.pg.SyncSettled
}

// keepCohort brings the record in line, a step at a time.
func (f *facts) keepCohort() Plan {
	now, next := f.cohort(), f.nextCohort()
	if now.Epoch != f.s.Hold.Epoch || sameCohort(now, next) {
		return nil
	}
	next.Epoch = now.Epoch
	write, compare := Write{KeyCohort, next}, Compare{KeyCohort, f.view.Cohort.Rev}
	if len(next.Members) > 0 {
		a := f.underLeadership(write, compare)
		a.Commit.Purpose = CommitCohort
		return Plan{a}
	}
	// From here on others count down to our deadline: the record that they count from is written with it, and no promise
	// makes the deadline later.
	if f.o.Now.Sub(f.s.Hold.RenewedAt) >= f.p.AskAfter() {
		return nil
	}
	a := f.renew()
	a.Commit.Compares = append(a.Commit.Compares, compare)
	a.Commit.Writes = append(a.Commit.Writes, write)
	return Plan{a}
}
