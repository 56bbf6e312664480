// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"
	"strings"
)

// Quorum durability rests on one relation between what PostgreSQL waits for and who may elect. PostgreSQL acknowledges a commit
// when its leader and SyncSet.K of SyncSet.Names have flushed it; a take-over needs the ballots of all but K of the cohort.
// If the set covers the cohort (covers), every choice of the one meets every choice of the other, and who takes over has the
// commit. So the record is made stricter before PostgreSQL is made laxer, and PostgreSQL stricter, with a barrier, before the
// record is made laxer.
//
// The processes of PostgreSQL read a new setting one by one, and one that has it counts standbys that another one, which has not,
// lists. While a change is under way the set is therefore the laxest mixture of both, and there are never more than two: the
// next value is told only when the last one is settled.

// SyncSet is what synchronous_standby_names says: K of Names.
type SyncSet struct {
	Names []string `json:"names,omitempty"` // ascending
	K     int      `json:"k,omitempty"`
}

// syncSetOf is what a cohort asks of PostgreSQL of one of its members.
func syncSetOf(c Cohort, leader string) SyncSet {
	if c.K == 0 {
		return SyncSet{}
	}
	return SyncSet{without(c.Members, leader), c.K}
}

// String is the value of synchronous_standby_names; empty when nobody is waited for.
func (s SyncSet) String() string {
	if s.K == 0 {
		return ""
	}
	return fmt.Sprintf(`ANY %d ("%s")`, s.K, strings.Join(s.Names, `", "`))
}

// mixed is the laxest that PostgreSQL may wait for while some of its processes have one value and some another.
func (s SyncSet) mixed(t SyncSet) SyncSet { return SyncSet{with(s.Names, t.Names...), min(s.K, t.K)} }

// covers tells whether each commit acknowledged by the set is known to one of every len(Members) - K members of a cohort.
func (s SyncSet) covers(c Cohort) bool {
	outside := 0
	for _, n := range s.Names {
		if !slices.Contains(c.Members, n) {
			outside++
		}
	}
	return s.K-outside >= c.K || c.K == 0
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

// fit are the standbys to wait for, ascending: those that stream now, and those of the cohort that did a moment ago. One that says
// that it lacks something has no vote, and would only raise the number of ballots that an election needs.
func (f *facts) fit() []string {
	var out []string
	for _, m := range f.view.Members {
		name := m.Value.Name
		member := slices.Contains(f.cohort().Members, name)
		if name == f.p.Self.Name || m.Value.NoFailover {
			continue
		}
		if f.synced(name) || member && !m.Value.Lacking && f.o.Now.Sub(f.syncedAt(name)) < f.p.SyncGrace() {
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
	set := syncSetOf(want, f.p.Self.Name)
	switch {
	case f.sentPending():
		return f.s.Sent // it may have been applied, and must be known before another is
	case len(want.Members) == 0, sameCohort(now, want):
		return want
	case len(now.Members) == 0:
		return f.alone()
	case f.settled() && f.s.Told.String() == set.String() && f.barred(set):
		return want
	case !f.s.Told.mixed(set).covers(now):
		all := with(with(now.Members, want.Members...), f.s.Told.Names...)
		return Cohort{Epoch: now.Epoch, Members: all, K: min(now.K, want.K)}
	}
	return now
}

// sentPending: a record that was sent may be applied at any time.
func (f *facts) sentPending() bool { return f.s.Sent.Epoch != 0 && f.s.Sent.Epoch == f.s.Hold.Epoch }

// settled: every process of the open primary waits as it was told last.
func (f *facts) settled() bool { return f.s.Base.String() == f.s.Told.String() }

// barred: enough of the standbys that are waited for have all that was acknowledged before they were.
func (f *facts) barred(set SyncSet) bool {
	n := 0
	for _, name := range set.Names {
		if s := f.sender(name); s.Flush >= f.pg.SyncBarrier && s.Flush != 0 {
			n++
		}
	}
	return n >= set.K && f.pg.SyncNames == set.String() && f.pg.SyncSettled && f.pg.At >= f.s.LastJobEnd
}

// syncSet is what PostgreSQL here should wait for: on the way to the wanted cohort as soon as the record allows it. The caller
// has made sure that the cohort is known.
func (f *facts) syncSet() SyncSet {
	self := f.p.Self.Name
	switch {
	case f.s.Hold.Epoch == 0 && quorate(f.o.View):
		return syncSetOf(f.view.Cohort.Value, self)
	case f.s.Hold.Epoch == 0:
		return SyncSet{}
	case !pgPrimary.holds(f):
		return syncSetOf(f.cohort(), self)
	case !f.settled():
		return f.s.Told
	}
	set := syncSetOf(f.wanted(), self)
	mixed := f.s.Told.mixed(set)
	if mixed.covers(f.cohort()) && (!f.sentPending() || mixed.covers(f.s.Sent)) {
		return set
	}
	return f.s.Told
}

// syncReady: PostgreSQL would wait, from its first commit on, as the record asks.
func (f *facts) syncReady() bool {
	if !f.cohortKnown() {
		return false
	}
	want := f.syncSet().String()
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
