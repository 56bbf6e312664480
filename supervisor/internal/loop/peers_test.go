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

// quorum makes a node of a cluster with quorum durability.
func (n *node) quorum() {
	n.Policy.Quorum, n.Policy.SyncStandbys, n.Policy.SuspectAfter = true, 1, 800*core.Millisecond
	n.policy = n.Policy
}

// Ensure what is heard wakes the loop and reaches the core, and a leader says of itself that it leads, with every tick.
func TestHeardAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.quorum()
		n.start()
		n.primary()
		await(t, "heartbeat", 5*time.Second, func() bool {
			b := look(&n.peers.mu, &n.peers.beat)
			return b != nil && *b == core.Beat{Name: "a", Epoch: 1, Open: true}
		})
		if met := look(&n.peers.mu, &n.peers.met); !slices.Contains(met, "a:8008") {
			t.Errorf("met %v", met)
		}
		heard := []core.Heard{{Name: "b", At: n.clock(), Beat: core.Beat{Name: "b", Epoch: 7}}}
		probe := core.Probe{Name: "b", Since: 5}
		tick, tells := n.Snapshot().Tick, look(&n.peers.mu, &n.peers.tells)
		n.peers.change(func(p *peers) { p.heard, p.probe = heard, probe })
		synctest.Wait()
		if n.Snapshot().Tick != tick+1 || look(&n.peers.mu, &n.peers.tells) != tells+1 {
			t.Errorf("tick %d was %d, told %d times was %d", n.Snapshot().Tick, tick, look(&n.peers.mu, &n.peers.tells), tells)
		}
		if o := look(&n.judged.Mutex, &n.judged.o); cmp.Diff(heard, o.Heard) != "" || o.Probe != probe {
			t.Errorf("heard %+v, probed %+v", o.Heard, o.Probe)
		}
	})
}

// Ensure a policy comes in force while the loop runs, but for who this is; the leader record says its TTL.
func TestSetPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		if c := record[core.Cohort](n.dcs, core.KeyCohort); len(c.Members) != 0 {
			t.Fatalf("cohort %+v", c)
		}
		p := n.Policy
		p.Self, p.TTL, p.Quorum, p.SyncStandbys, p.MinSync = core.Self{}, 2*n.Policy.TTL, true, 1, 0
		n.SetPolicy(p)
		await(t, "cohort", 5*time.Second, func() bool { return len(record[core.Cohort](n.dcs, core.KeyCohort).Members) == 1 })
		await(t, "ttl", 5*time.Second, func() bool { return record[core.Leader](n.dcs, core.KeyLeader).TTL == p.TTL })
		if p := look(&n.judged.Mutex, &n.judged.p); p.Self.Name != "a" || n.Snapshot().TTL != p.TTL {
			t.Errorf("policy %+v, shown a TTL of %s", p, n.Snapshot().TTL)
		}
	})
}

// reports counts the reports about PostgreSQL of two seconds.
func (n *node) reports() int {
	at := map[core.Instant]bool{}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); pass(10 * time.Millisecond) {
		at[n.observation().Postgres.At] = true
	}
	return len(at)
}

// Ensure a standby that suspects its leader has the leader's PostgreSQL probed, and asks for fresh reports about its own while
// and only while that goes on.
func TestFreshReportsWhileProbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dcs := newRegister()
		n := newNode(t, "a", dcs)
		n.quorum()
		n.pg.pg = core.Postgres{
			Status: core.StatusRunning, Role: core.RoleStandby, SystemID: 7001, Timeline: 2, LSN: 100, Launched: true, PostmasterPID: 100,
			Upstream: "b", Receiver: &core.Receiver{Status: "streaming"},
		}
		dcs.put(core.KeyIdentity, core.Identity{SystemID: 7001})
		dcs.put(core.KeyEpoch, core.EpochRecord{Epoch: 1, Timeline: 2})
		dcs.put(core.KeyCohort, core.Cohort{Epoch: 1, Members: []string{"a", "b"}, K: 1})
		dcs.put(core.KeyMember("b"), core.Member{Name: "b", API: "b:8008", Host: "b", Port: 5432, Status: core.StatusRunning, Role: core.RolePrimary})
		leads := func() {
			dcs.put(core.KeyLeader, core.Leader{Holder: "b", Token: "x", Epoch: 1, TTL: 3 * core.Second, Timeline: 2, LSN: 100})
			n.peers.change(func(p *peers) {
				p.heard = []core.Heard{{Name: "b", At: n.clock(), Beat: core.Beat{Name: "b", Epoch: 1, Open: true}}}
			})
		}
		leads()
		n.start()
		await(t, "leader watched", 5*time.Second, func() bool { return look(&n.peers.mu, &n.peers.watched) == "b" })
		if after := look(&n.peers.mu, &n.peers.after); after != n.Policy.ProbeAfter() {
			t.Errorf("watched for a silence of %s", after)
		}
		await(t, "probe", 5*time.Second, func() bool { return look(&n.peers.mu, &n.peers.probed) != nil })
		if p := look(&n.peers.mu, &n.peers.probed); *p != (core.Peer{Name: "b", Host: "b", Port: 5432, StreamOnly: true}) {
			t.Errorf("probed %+v", p)
		}
		if got := n.reports(); got < 9 || got > 13 {
			t.Errorf("%d reports in 2s", got)
		}
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Millisecond):
					leads()
				}
			}
		}()
		await(t, "end of the probe", 5*time.Second, func() bool { return look(&n.peers.mu, &n.peers.probed) == nil })
		if got := n.reports(); got > 4 {
			t.Errorf("%d reports in 2s without a probe", got)
		}
	})
}

// Ensure a standby watches the leader of its cohort, and who leads nobody.
func TestWatchedLeader(t *testing.T) {
	for _, c := range []struct {
		leader core.Leader
		cohort []string
		want   string
	}{
		{core.Leader{Holder: "b"}, []string{"a", "b"}, "b"},
		{core.Leader{Holder: "b"}, nil, ""},
		{core.Leader{Holder: "a"}, []string{"a", "b"}, ""},
		{core.Leader{Holder: "b", Released: true}, []string{"a", "b"}, ""},
		{core.Leader{}, []string{"a", "b"}, ""},
	} {
		v := &core.View{Leader: core.Versioned[core.Leader]{Value: c.leader}, Cohort: core.Versioned[core.Cohort]{Value: core.Cohort{Members: c.cohort}}}
		if got := watched(v, "a"); got != c.want {
			t.Errorf("%+v: watched %q", c, got)
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
