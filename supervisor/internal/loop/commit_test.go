// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

func beatCommit(purpose core.CommitPurpose, rev core.Revision) *core.Commit {
	key := core.KeyMember("a")
	if purpose == core.CommitLeader {
		key = core.KeyLeader
		return &core.Commit{Purpose: purpose, Compares: []core.Compare{{Key: key, Rev: rev}}, Writes: []core.Write{{Key: key, Record: core.Leader{Holder: "a", Renewal: 7}}}}
	}
	return &core.Commit{Purpose: purpose, Compares: []core.Compare{{Key: key, Rev: rev}}, Writes: []core.Write{{Key: key, Record: core.Member{Name: "a"}}}}
}

// committed takes what the commits reported.
func (n *node) committed() []core.Committed { return n.inbox.take(n.clock(), n.dog, n.peers).Committed }

// Ensure one commit of a purpose is under way at a time, and those of others are not held up.
func TestCommitLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.dcs.set(func(r *register) { r.fault = hangs })
		n.commit(t.Context(), beatCommit(core.CommitMember, 0))
		n.commit(t.Context(), beatCommit(core.CommitMember, 0))
		n.commit(t.Context(), beatCommit(core.CommitLeader, 0))
		synctest.Wait()
		leader, member := n.dcs.under(core.KeyLeader), n.dcs.under("members/a")
		if leader != 1 || member != 1 {
			t.Errorf("under way: %d, %d", leader, member)
		}
		began := time.Now()
		n.lanes.wait()
		if took := time.Since(began); took != n.patience()+retryPause {
			t.Errorf("lanes free after %s, patience is %s", took, n.patience())
		}
		got := n.committed()
		if len(got) != 2 {
			t.Fatalf("reports %+v", got)
		}
		for _, c := range got {
			if c.Outcome != core.OutcomeUnknown || (c.Purpose == core.CommitLeader) != (c.Leader != nil) {
				t.Errorf("report %+v", c)
			}
		}
		if len(n.committed()) != 0 {
			t.Error("reported twice")
		}
	})
}

// Ensure what becomes of a commit is reported as it was, and anything but success makes the reader look.
func TestCommitOutcomes(t *testing.T) {
	cases := map[string]struct {
		fault fault
		rev   core.Revision
		want  core.Committed
		asks  bool
	}{
		"done":     {works, 0, core.Committed{Outcome: core.OutcomeDone, Revision: 1}, false},
		"conflict": {works, 99, core.Committed{Outcome: core.OutcomeRefused, Conflict: true}, true},
		"not sent": {down, 0, core.Committed{Outcome: core.OutcomeRefused}, true},
		"lost":     {loses, 0, core.Committed{Outcome: core.OutcomeUnknown}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, "a", newRegister())
				n.dcs.set(func(r *register) { r.fault = c.fault })
				n.commit(t.Context(), beatCommit(core.CommitLeader, c.rev))
				n.lanes.wait()
				all := n.committed()
				if len(all) != 1 {
					t.Fatalf("reports %+v", all)
				}
				got := all[0]
				if got.Outcome != c.want.Outcome || got.Conflict != c.want.Conflict || got.Revision != c.want.Revision || got.Leader.Renewal != 7 {
					t.Errorf("report %+v, want %+v", got, c.want)
				}
				if asked := len(n.reader.due) == 1; asked != c.asks {
					t.Errorf("reader asked: %t", asked)
				}
			})
		})
	}
}

// Ensure a plan that was made before a commit's end was known is not sent after it: its compare would fail, and a
// renewal that fails so means that another member leads.
func TestStalePlanNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.commit(t.Context(), beatCommit(core.CommitLeader, 0))
		n.lanes.wait()
		n.commit(t.Context(), beatCommit(core.CommitLeader, 0)) // decided while the first one was under way
		n.lanes.wait()
		if got := n.committed(); len(got) != 1 || got[0].Outcome != core.OutcomeDone {
			t.Errorf("reports %+v", got)
		}
		n.commit(t.Context(), beatCommit(core.CommitLeader, 1))
		n.lanes.wait()
		if got := n.committed(); len(got) != 1 || got[0].Outcome != core.OutcomeDone {
			t.Errorf("reports %+v", got)
		}
	})
}

// Ensure that of what waits in a lane the last is run.
func TestLaneLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lanes
		var ran []int
		for i := range 4 {
			l.latest("one", func() { pass(time.Second); ran = append(ran, i) })
		}
		l.wait()
		if diff := cmp.Diff([]int{0, 3}, ran); diff != "" {
			t.Error(diff)
		}
	})
}

// Ensure what was dropped in a lane is asked for again as soon as the lane is free.
func TestLaneWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		l := lanes{wake: func() { woken++ }}
		work := func() { pass(time.Second) }
		if !l.try("one", work) || l.try("one", work) || l.try("one", work) || !l.try("other", work) {
			t.Error("lanes mixed up")
		}
		l.wait()
		if woken != 1 || !l.try("one", work) {
			t.Errorf("woken %d times", woken)
		}
		l.wait()
	})
}
