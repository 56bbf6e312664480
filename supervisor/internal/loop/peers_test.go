// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure what the others say reaches the core with the tick it wakes.
func TestHeardWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		seen := make(chan core.Observation, 100)
		n.beatOf = func(_ core.State, o core.Observation, _ core.Policy) (core.Beat, bool) {
			seen <- o
			return core.Beat{Name: "a", Epoch: 7, Open: true}, true
		}
		n.start()
		n.primary()
		for len(seen) > 0 {
			<-seen
		}
		heard := []core.Heard{{Name: "b", At: n.clock(), Beat: core.Beat{Name: "b", Epoch: 7}}}
		probe := core.Probe{Name: "b", Since: 5}
		n.peers.change(func(p *peers) { p.heard, p.probe = heard, probe })
		synctest.Wait()
		if o := <-seen; cmp.Diff(heard, o.Heard) != "" || o.Probe != probe {
			t.Errorf("heard %+v, probed %+v", o.Heard, o.Probe)
		}
		if beat := look(&n.peers.mu, &n.peers.beat); beat == nil || beat.Epoch != 7 {
			t.Errorf("told %+v", beat)
		}
		if met := look(&n.peers.mu, &n.peers.met); !slices.Contains(met, "a:8008") {
			t.Errorf("met %v", met)
		}
	})
}

// Ensure a fresh report about PostgreSQL is asked for several times a second while, and only while, another one is probed.
func TestFreshReportsWhileProbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		probing := false
		n.probeOf = func(core.State, core.Observation, core.Policy) *core.Peer {
			if probing {
				return &core.Peer{Name: "b", Host: "b", Port: 5432}
			}
			return nil
		}
		n.start()
		n.primary()
		synctest.Wait()
		probing = true
		n.inbox.nudge()
		reports := map[core.Instant]bool{}
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); pass(10 * time.Millisecond) {
			reports[n.observation().Postgres.At] = true
		}
		if len(reports) < 9 || len(reports) > 13 {
			t.Errorf("%d reports in 2s", len(reports))
		}
		if p := look(&n.peers.mu, &n.peers.probed); p == nil || p.Name != "b" {
			t.Errorf("probed %+v", p)
		}
		synctest.Wait()
		probing = false
		n.inbox.nudge()
		synctest.Wait()
		clear(reports)
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); pass(10 * time.Millisecond) {
			reports[n.observation().Postgres.At] = true
		}
		if len(reports) > 4 {
			t.Errorf("%d reports in 2s without a probe", len(reports))
		}
		if p := look(&n.peers.mu, &n.peers.probed); p != nil {
			t.Errorf("still probed: %+v", p)
		}
	})
}

// Ensure a standby watches the leader, and who leads nobody.
func TestWatchedLeader(t *testing.T) {
	l := &Loop{}
	l.Policy.Self.Name, l.Policy.Quorum = "a", true
	for _, c := range []struct {
		leader core.Leader
		want   string
	}{
		{core.Leader{Holder: "b"}, "b"},
		{core.Leader{Holder: "a"}, ""},
		{core.Leader{Holder: "b", Released: true}, ""},
		{core.Leader{}, ""},
	} {
		if got := l.watched(&core.View{Leader: core.Versioned[core.Leader]{Value: c.leader}}); got != c.want {
			t.Errorf("%+v: watched %q", c.leader, got)
		}
	}
}

// Ensure a promise goes to the others, once for each time it is decided.
func TestPromiseExecuted(t *testing.T) {
	n := newNode(t, "a", newRegister())
	promise := core.Promise{From: "a", To: "b", Epoch: 3, SentAt: 4, For: core.Second}
	n.execute(t.Context(), core.Action{Kind: core.ActPromise, Epoch: 3, Promise: &promise})
	if got := look(&n.peers.mu, &n.peers.promises); cmp.Diff([]core.Promise{promise}, got) != "" {
		t.Errorf("sent %+v", got)
	}
}

// Ensure nothing that relies on the stored state goes out while it cannot be stored, and everything else does.
func TestWithheld(t *testing.T) {
	commit := func(p core.CommitPurpose) core.Action {
		return core.Action{Kind: core.ActCommit, Commit: &core.Commit{Purpose: p}}
	}
	plan := core.Plan{
		{Kind: core.ActFence}, {Kind: core.ActPromote}, commit(core.CommitLeader), commit(core.CommitBallot),
		commit(core.CommitCohort), {Kind: core.ActPromise}, commit(core.CommitMember), {Kind: core.ActDetach},
	}
	want := core.Plan{{Kind: core.ActFence}, commit(core.CommitLeader), commit(core.CommitMember), {Kind: core.ActDetach}}
	if diff := cmp.Diff(want, withheld(plan)); diff != "" || len(plan) != 8 {
		t.Error(diff)
	}
}

// Ensure ballots are read and kept up as members are.
func TestBallotsInView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dcs := newRegister()
		dcs.put(core.KeyBallot("b"), core.Ballot{Name: "other", Epoch: 3, LSN: 10})
		n := newNode(t, "a", dcs)
		n.start()
		ballots := func() []core.Versioned[core.Ballot] { return n.Snapshot().View.Ballots }
		await(t, "ballot read", 5*time.Second, func() bool {
			s := n.Snapshot()
			return s != nil && s.View != nil && s.View.Ballot("b").Value.LSN == 10
		})
		dcs.put(core.KeyBallot("a"), core.Ballot{Epoch: 3, LSN: 11})
		await(t, "ballot heard of", time.Second, func() bool { return len(ballots()) == 2 })
		if b := ballots(); b[0].Value.Name != "a" || b[1].Value.Name != "b" {
			t.Errorf("ballots %+v", b)
		}
		dcs.put(core.KeyBallot("a"), nil)
		await(t, "ballot gone", time.Second, func() bool { return len(ballots()) == 1 })
	})
}

// Ensure the core learns which cohort a commit wrote.
func TestCohortComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		cohort := core.Cohort{Epoch: 2, Members: []string{"a", "b"}, K: 1}
		n.commit(t.Context(), &core.Commit{Purpose: core.CommitCohort, Writes: []core.Write{{Key: core.KeyCohort, Record: cohort}}})
		n.lanes.wait()
		o := n.inbox.take(n.clock(), n.dog, n.peers)
		if len(o.Committed) != 1 || cmp.Diff(&cohort, o.Committed[0].Cohort) != "" {
			t.Errorf("committed %+v", o.Committed)
		}
	})
}

// Ensure what a vote relies on is stored where a reboot leaves it, and a file that cannot be written says so.
func TestVoteSurvivesReboot(t *testing.T) {
	d := newDirs(t)
	s := d.open(t, "boot-1")
	if err := os.Mkdir(filepath.Join(d.state, "member.json.new"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(core.Durable{OfDisk: core.OfDisk{Voted: 5}}); err == nil {
		t.Error("a vote that was not stored counts as stored")
	}
	os.Remove(filepath.Join(d.state, "member.json.new"))
	if err := s.Save(core.Durable{OfDisk: core.OfDisk{Voted: 5}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if got := d.open(t, "boot-2").Durable.Voted; got != 5 {
		t.Errorf("voted in %d", got)
	}
}
