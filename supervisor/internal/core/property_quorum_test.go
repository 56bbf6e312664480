// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// checkAttached: a member whose ballot may stand gets no WAL.
func checkAttached(t *rapid.T, a Action, s State, o Observation, r Reason) {
	attaches := a.Kind == ActFollow || a.Kind == ActClone || a.Kind == ActRewind || a.Kind == ActStart && a.Peer != nil
	if attaches && s.Voted != 0 && o.View != nil && o.View.Epoch.Exists() && s.Voted == o.View.Epoch.Value.Epoch {
		t.Fatalf("%s attaches a member that has voted: %s", r.Rule, a.Kind)
	}
}

// checkPromise: who has voted in an epoch promises nothing in it, and who promised does not vote.
func checkPromise(t *rapid.T, a Action, before State, o Observation, r Reason) {
	if a.Kind == ActPromise && before.Voted == a.Epoch {
		t.Fatalf("%s promises not to vote in an epoch it has voted in", r.Rule)
	}
	if a.Commit == nil {
		return
	}
	for _, w := range a.Commit.Writes {
		b, ok := w.Record.(Ballot)
		if ok && !b.Withdrawn && before.Promised.Epoch == b.Epoch && o.Now < before.Promised.Until && before.Voted != b.Epoch {
			t.Fatalf("%s votes in spite of a promise", r.Rule)
		}
	}
}

// Ensure ballots are ranked in one order by everybody: total, and the same for every member that could take over.
func TestBallotsRankAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := &View{Epoch: Versioned[EpochRecord]{EpochRecord{Epoch: 1, Timeline: 3}, 2}}
		genQuorum(t, v)
		v.Cohort.Value.Members = names
		var first string
		for _, self := range names {
			f := gather(State{}, Observation{View: v}, Policy{Self: Self{Name: self}})
			counted := f.counted()
			if len(counted) == 0 {
				return
			}
			if first == "" {
				first = counted[0].Value.Name
			}
			if counted[0].Value.Name != first {
				t.Fatalf("%s finds %s best, another one %s", self, counted[0].Value.Name, first)
			}
		}
		for _, a := range v.Ballots {
			for _, b := range v.Ballots {
				if x, y := compareBallots(a.Value, b.Value), compareBallots(b.Value, a.Value); x != -y || x == 0 && a.Value.Name != b.Value.Name {
					t.Fatalf("%+v against %+v: %d and %d", a.Value, b.Value, x, y)
				}
			}
		}
	})
}

// Ensure every change between a cohort and another keeps what PostgreSQL waits for at least as strict as the record, at each step
// and in whatever order the two take effect.
func TestCohortStepsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) Cohort {
			members := pick(t, label, []string{"a"}, []string{"a", "b"}, []string{"a", "c"}, []string{"a", "b", "c"}, []string{"a", "b", "c", "d"})
			return Cohort{Epoch: 1, Members: members, K: rapid.IntRange(0, len(members)-1).Draw(t, label+" k")}
		}
		now, want := draw("now"), draw("want")
		if want.K == 0 {
			want.Members = []string{"a"} // nobody to wait for
		}
		set := syncSetOf(now, "a")
		for range 10 {
			f := stepFacts(now, want, set)
			if next := f.syncSet(); next.String() != set.String() {
				if !next.mixed(set).covers(now) {
					t.Fatalf("PostgreSQL is told %s after %s under the record %v", next, set, now)
				}
				set = next
			}
			f = stepFacts(now, want, set)
			next := f.nextCohort()
			if !set.covers(next) {
				t.Fatalf("the record becomes %v while PostgreSQL waits for %s", next, set)
			}
			now = next
		}
		if !sameCohort(now, want) || set.String() != syncSetOf(want, "a").String() {
			t.Fatalf("ends at %v and %s, wanted %v", now, set, want)
		}
	})
}

// stepFacts is a leader on its way from one cohort to another, whose standbys have everything.
func stepFacts(now, want Cohort, set SyncSet) *facts {
	v := &View{Epoch: Versioned[EpochRecord]{EpochRecord{Epoch: 1}, 1}, Cohort: Versioned[Cohort]{now, 2}}
	s := State{Durable: Durable{OfBoot: OfBoot{Hold: Hold{Epoch: 1}, Cohort: now, Told: set, Base: set}}}
	pg := &Postgres{Status: StatusRunning, Role: RolePrimary, SyncNames: set.String(), SyncSettled: true, SyncBarrier: 5}
	for _, n := range without(want.Members, "a") {
		v.Members = append(v.Members, Versioned[Member]{Member{Name: n, Status: StatusRunning, Role: RoleStandby}, 3})
		s.Members = append(s.Members, MemberSeen{Name: n, Seen: Seen{Rev: 3, At: 100 * Instant(Second)}})
		pg.Senders = append(pg.Senders, Sender{Member: n, State: "streaming", Flush: 9})
	}
	p := Policy{Self: Self{Name: "a"}, TTL: 3 * Second, Quorum: true, SyncStandbys: want.K}
	if want.K == 0 {
		pg.Senders = nil
	}
	return gather(s, Observation{Now: 100 * Instant(Second), View: v, Postgres: pg}, p)
}

// Ensure a plan of which only a beginning is carried out, whichever and however often, is made good by later decisions: the
// cluster ends as healthy as without.
func TestPlansCutOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(names...)
		if rapid.Bool().Draw(t, "quorum") {
			w.makeQuorum(1, 1)
		}
		if err := w.perform([]string{"born"}); err != nil {
			t.Fatal(err)
		}
		cuts := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 40).Draw(t, "cuts")
		w.cutPlan = func(plan Plan) Plan {
			if len(cuts) == 0 {
				return plan
			}
			n := min(cuts[0], len(plan))
			cuts = slices.Delete(cuts, 0, 1)
			return plan[:n]
		}
		what := pick(t, "what", "kill-postmaster", "switchover", "restart", "kill-host")
		if err := w.perform([]string{what, "a"}); what != "switchover" && err != nil {
			t.Fatal(err)
		}
		if what == "switchover" {
			_ = w.perform([]string{what, "b"})
		}
		w.run(2*Second, nil)
		if what == "kill-host" {
			_ = w.perform([]string{"boot", "a"})
		}
		w.cutPlan = nil
		w.run(30*Second, w.healthy)
		if !w.healthy() || len(w.violations) > 0 {
			t.Fatalf("not healthy: %v\n%s", w.violations, w.out.String())
		}
	})
}
