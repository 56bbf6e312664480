// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// TestQuorumFaults plays with quorum durability: nothing acknowledged may be lost, whatever happens, and a replaced primary
// acknowledges nothing more.
func TestQuorumFaults(t *testing.T) {
	everyVersion(t, func(t *testing.T, pgBin string) {
		c := start(t, lab.Options{PGBin: pgBin, Durability: "quorum"})
		for _, f := range quorumFaults() {
			if !t.Run(f.name, func(t *testing.T) { live(t, c, f) }) {
				t.Fatal("the cluster is not fit for the next fault")
			}
		}
		if pgBin != newest(t) {
			return
		}
		t.Run("a primary that acknowledges alone is noticed", func(t *testing.T) { noticed(t, c) })
	})
}

// noticed has guests of the primary that do not wait for standbys, as if PostgreSQL did not make them, and cuts it off: what
// all the other tests rely on has to find that.
func noticed(t *testing.T, c *lab.Cluster) {
	s := begin(t, c)
	config, err := s.primary.LocalConfig()
	s.do(err)
	config.RuntimeParams["synchronous_commit"] = "local"
	s.letIn(config)
	s.do(s.primary.Cut(lab.Cut{}))
	s.moved()
	s.moreAcks(100)
	s.do(s.primary.Heal())
	s.healthy()
	s.inStep()
	s.stopWriting()
	if len(s.book.Overtaken()) == 0 {
		s.Error("the ledger did not notice that a replaced primary acknowledged writes")
	}
	if s.verify(nil).Lost() == 0 {
		s.Error("the ledger did not notice that acknowledged writes are lost")
	}
}

func quorumFaults() []fault {
	everything := func(n *lab.Node) error { return n.Cut(lab.Cut{}) }
	return []fault{
		{name: "postmaster killed", play: func(s *story) { s.do(s.primary.KillPostmaster()) }, within: ttl},
		{name: "host killed", play: killHostWithoutEtcdLeader, within: ttl, registers: true},
		{name: "host killed that ran the etcd leader", play: killHostWithEtcdLeader, within: ttl},
		{name: "primary unplugged and healed at once", play: replaced((*lab.Node).Unplug, 0), within: ttl, registers: true},
		{name: "primary cut off and healed when it is ended", play: replaced(everything, ttl), within: ttl, registers: true},
		{name: "primary cut off from its standbys only", play: replaced((*lab.Node).CutFromStandbys, 0), within: 2*ttl + 2*time.Second},
		{name: "primary cut off from the dcs only", play: cutPrimaryFromDCS, stays: true},
		{name: "standby cut off", play: loseStandby, stays: true},
		{name: "supervisor frozen for long", play: freezeSupervisorWithGuests, within: 2*ttl + 2*time.Second},
		{name: "switchover", play: switchover, within: ttl},
		{name: "every host loses power", play: powerCycle},
	}
}

func killHostWithoutEtcdLeader(s *story) {
	s.do(s.MoveEtcdLeader(s.Context(), s.standbys[1]))
	killHost(s)
}

func killHostWithEtcdLeader(s *story) {
	s.do(s.MoveEtcdLeader(s.Context(), s.primary))
	killHost(s)
}

// replaced cuts the primary off until another node leads, with clients on its own host, and heals it a time after the cut
// at the earliest. Nobody may notice that.
func replaced(cut func(*lab.Node) error, after time.Duration) func(*story) {
	return func(s *story) {
		timeline := s.guestsOnPrimary()
		s.do(cut(s.primary))
		s.moved()
		s.moreAcks(50)
		s.passed(after)
		if after >= ttl {
			s.fenced(s.primary)
		}
		s.do(s.primary.Heal())
		s.unnoticedSince(boottime.Now())
		s.staleReads(timeline)
	}
}

// guestsOnPrimary starts writers on the primary's host and returns the timeline they write on.
func (s *story) guestsOnPrimary() uint32 {
	s.Helper()
	s.useGuests(s.primary)
	s.mark = boottime.Now()
	return s.book.Newest()
}

// unnoticedSince waits until the cluster is well, which no client of the present primary may notice.
func (s *story) unnoticedSince(mark boottime.Instant) {
	s.Helper()
	s.healthy()
	s.inStep()
	s.moreAcks(50)
	if gap := s.book.Gap(mark); gap > time.Second {
		s.Errorf("clients had to wait for %s when all got well", gap)
	}
}

func cutPrimaryFromDCS(s *story) {
	s.do(s.primary.CutFromDCS())
	s.pass(ttl + 2*time.Second)
	s.do(s.primary.Heal())
}

// loseStandby cuts a standby off until the cohort does without it.
func loseStandby(s *story) {
	s.do(s.standbys[0].Cut(lab.Cut{}))
	s.cohort(1, s.primary, s.standbys[1])
	s.do(s.standbys[0].Heal())
}

// freezeSupervisorWithGuests leaves the end of PostgreSQL to its deadman.
func freezeSupervisorWithGuests(s *story) {
	timeline := s.guestsOnPrimary()
	freezeSupervisorForLong(s)
	s.staleReads(timeline)
}

// powerCycle takes the power from all hosts at about the same time and gives it back.
func powerCycle(s *story) {
	for _, n := range s.Nodes {
		s.do(n.KillHost())
	}
	for _, n := range s.Nodes {
		s.do(n.StartHost())
	}
}
