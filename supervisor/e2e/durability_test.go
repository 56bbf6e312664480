// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// TestDurability changes it at run time, and ttl, and loses the standbys of a primary that may go on without.
func TestDurability(t *testing.T) {
	t.Parallel()
	c := start(t, lab.Options{PGBin: newest(t)})
	for _, f := range []fault{
		{name: "ttl longer by far", play: retime(8 * ttl), stays: true, lossless: true},
		{name: "ttl as before", play: retime(ttl), stays: true, lossless: true},
		{name: "to quorum", play: toQuorum, stays: true, lossless: true},
		{name: "the last standby lost", play: loseAllStandbys},
		{name: "to asynchronous", play: toAsync, stays: true, lossless: true},
	} {
		if !t.Run(f.name, func(t *testing.T) { live(t, c, f) }) {
			t.Fatal("the cluster is not fit for the next change")
		}
	}
}

// retime has the supervisors read another ttl, which the primary tells the others in its record.
func retime(ttl time.Duration) func(*story) {
	return func(s *story) {
		s.do(s.SetTTL(ttl))
		s.eventually("the leader record says "+ttl.String(), func() bool {
			said, err := s.LeaderTTL(s.Context())
			return err == nil && said == ttl
		})
		s.moreAcks(50)
	}
}

func toQuorum(s *story) {
	s.do(s.SetDurability("quorum", "  min_sync = 0\n"))
	s.cohort(1, s.Nodes...)
}

func toAsync(s *story) {
	s.do(s.SetDurability("async", ""))
	s.cohort(0)
	s.quorum = false
}

// loseAllStandbys leaves the primary alone, which then goes on alone, and takes it away, too: nobody else has what it
// acknowledged, so nobody may lead until it is back.
func loseAllStandbys(s *story) {
	for _, n := range s.standbys {
		s.do(n.KillSupervisor())
		s.do(n.SignalPostgres(syscall.SIGKILL))
	}
	s.cohort(0, s.primary)
	s.moreAcks(50)
	s.do(s.primary.KillHost())
	for _, n := range s.standbys {
		s.do(n.StartSupervisor())
	}
	s.always("nobody leads without what was acknowledged", 2*ttl, s.leaderless)
	s.do(s.primary.StartHost())
	s.healthy()
	if now := s.leader(); now != s.primary {
		s.Errorf("%s leads, and %s alone has everything", now.Name, s.primary.Name)
	}
}

// leaderless tells whether no node says that it is the primary.
func (s *story) leaderless() bool {
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	_, err := s.Primary(ctx)
	return err != nil
}
