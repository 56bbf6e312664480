// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

func TestHostAndNetworkFaults(t *testing.T) {
	everyVersion(t, func(t *testing.T, pgBin string) {
		c := start(t, lab.Options{PGBin: pgBin})
		for _, f := range hostFaults() {
			if !t.Run(f.name, func(t *testing.T) { live(t, c, f) }) {
				t.Fatal("the cluster is not fit for the next fault")
			}
		}
	})
}

func hostFaults() []fault {
	return []fault{
		{name: "standby cut off", play: cutStandby, stays: true, lossless: true},
		{name: "host killed", play: killHost},
		{name: "host cut off and healed", play: isolate(func(n *lab.Node) error { return n.Cut(lab.Cut{}) })},
		{name: "host unplugged and healed", play: isolate((*lab.Node).Unplug)},
		{name: "host hears nothing", play: isolate(func(n *lab.Node) error { return n.Cut(lab.Cut{Direction: lab.Inbound}) })},
		{name: "host cut off from the dcs only", play: isolate((*lab.Node).CutFromDCS)},
		{name: "primary cut off from one standby", play: cutOneStandby, stays: true, lossless: true},
		{name: "etcd leader killed", play: killEtcdLeader, stays: true, lossless: true},
		{name: "etcd quorum lost and back", play: loseEtcdQuorum},
		{name: "host frozen and thawed", play: freezeHost},
	}
}

func killHost(s *story) {
	s.do(s.primary.KillHost())
	s.moved()
	s.do(s.primary.StartHost())
}

// isolate cuts the primary off until another node leads, and heals the network afterwards.
func isolate(cut func(*lab.Node) error) func(*story) {
	return func(s *story) {
		s.do(cut(s.primary))
		s.moved()
		s.fenced(s.primary)
		s.moreAcks(50)
		s.do(s.primary.Heal())
	}
}

func cutStandby(s *story) {
	s.do(s.standbys[0].Cut(lab.Cut{}))
	s.pass(ttl + 2*time.Second)
	s.do(s.standbys[0].Heal())
}

// cutOneStandby leaves both with the DCS and the third host: no reason to change anything.
func cutOneStandby(s *story) {
	s.do(s.primary.Cut(lab.Cut{Peers: s.standbys[:1], Ports: []int{5432, 8008}}))
	s.pass(ttl + 2*time.Second)
	s.do(s.primary.Heal())
}

func killEtcdLeader(s *story) {
	leader, err := s.EtcdLeader(s.Context())
	s.do(err)
	s.do(leader.KillEtcd())
	s.etcdElects()
	s.pass(ttl)
	s.do(leader.StartEtcd())
}

// etcdElects waits until etcd has a leader again. Members whose candidacies collide need several rounds; if that takes most of a
// ttl, the leadership may rightly be lost.
func (s *story) etcdElects() {
	began := boottime.Now()
	for s.Context().Err() == nil {
		if _, err := s.EtcdLeader(s.Context()); err == nil {
			break
		}
		s.pass(20 * time.Millisecond)
	}
	if took := boottime.Now().Sub(began); took > ttl/2 {
		s.late = fmt.Sprintf("etcd was without a leader for %s", took)
	}
}

// loseEtcdQuorum takes away all etcd members but one: nobody may lead past the ttl, and nobody is lost.
func loseEtcdQuorum(s *story) {
	for _, n := range s.Nodes[:2] {
		s.do(n.KillEtcd())
	}
	s.pass(ttl + 2*time.Second)
	for _, n := range s.Nodes {
		s.fenced(n)
	}
	for _, n := range s.Nodes[:2] {
		s.do(n.StartEtcd())
	}
}

// freezeHost stops every process of the primary's host for longer than the ttl: when they go on, the kernel's timer has
// long ended the launcher, and PostgreSQL with it, before the first instruction of theirs.
func freezeHost(s *story) {
	s.primary.FreezeHost()
	s.moved()
	s.moreAcks(50)
	s.primary.ThawHost()
}
