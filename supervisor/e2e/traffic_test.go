// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/deployment"
)

// TestTraffic plays the classic story on a whole deployment: every host with etcd, PostgreSQL, HAProxy, PgBouncer, Keepalived and
// pgvigil, one virtual address, and clients that know nothing else.
func TestTraffic(t *testing.T) {
	t.Parallel()
	tr := &traffic{T: t}
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum"}, func(c *lab.Cluster) {
		d, err := deployment.PGVigil(c)
		if err != nil {
			t.Fatal(err)
		}
		tr.Deployment = d
	})
	t.Cleanup(tr.Close)
	if err := tr.Boot(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name string
		play func(*traffic, *story)
		// within is how long writers may have to wait.
		within time.Duration
	}{
		{"switchover", (*traffic).switchover, 5 * time.Second},
		{"supervisor of the primary stopped", (*traffic).stopSupervisor, 5 * time.Second},
		{"postmaster killed", (*traffic).killPostmaster, 5 * time.Second},
		{"host with the address, the primary and etcd's leader lost", (*traffic).loseHost, 10 * time.Second},
		{"primary cut off, healed", (*traffic).cutOff, 10 * time.Second},
		{"haproxy killed on the host with the address", (*traffic).killHAProxy, 5 * time.Second},
		{"standby behind the limit of the port for reads", (*traffic).fallBehind, 5 * time.Second},
	} {
		ok := t.Run(f.name, func(t *testing.T) {
			tr.T = t
			tr.well()
			speed := usual
			speed.through = deployment.VIP
			s := beginAt(t, c, speed)
			watch := tr.watchHolders()
			f.play(tr, s)
			tr.well()
			s.end()
			if both := watch.stop(); both > time.Second {
				t.Errorf("two hosts that reach each other held the address for %s", both)
			}
			if gap := s.book.Gap(s.mark); gap > f.within {
				t.Errorf("clients had to wait for %s, more than %s", gap, f.within)
			}
		})
		if !ok {
			t.Fatal("the deployment is not fit for the next fault")
		}
	}
}

// traffic is the deployment, and the clients.
type traffic struct {
	*testing.T
	*deployment.Deployment
	// away is the host that reaches no other.
	away atomic.Pointer[lab.Node]
}

func (tr *traffic) well() {
	tr.Helper()
	ctx, cancel := context.WithTimeout(tr.Context(), patience)
	defer cancel()
	if err := tr.Well(ctx); err != nil {
		tr.Fatal(err)
	}
}

func (tr *traffic) switchover(s *story) {
	s.do(s.primary.Switchover(s.Context(), nil))
	s.moved()
	s.moreAcks(50)
}

func (tr *traffic) stopSupervisor(s *story) {
	s.do(s.primary.TermSupervisor(patience))
	s.moreAcks(50)
	s.do(s.primary.StartSupervisor())
}

func (tr *traffic) killPostmaster(s *story) {
	s.do(s.primary.KillPostmaster())
	s.moved()
	s.moreAcks(50)
}

func (tr *traffic) loseHost(s *story) {
	s.do(s.MoveEtcdLeader(s.Context(), s.primary))
	tr.away.Store(s.primary)
	s.do(tr.Lose(s.primary))
	s.moved()
	s.moreAcks(50)
	s.do(tr.Return(s.primary))
	tr.away.Store(nil)
}

// cutOff cuts the primary off and heals: that makes no second gap.
func (tr *traffic) cutOff(s *story) {
	tr.away.Store(s.primary)
	s.do(s.primary.Cut(lab.Cut{}))
	s.moved()
	s.moreAcks(50)
	s.passed(2 * ttl)
	healed := boottime.Now()
	s.do(s.primary.Heal())
	tr.away.Store(nil)
	tr.well()
	s.moreAcks(50)
	if gap := s.book.Gap(healed); gap > 2*time.Second {
		s.Errorf("a second gap of %s when the host came back", gap)
	}
}

func (tr *traffic) killHAProxy(s *story) {
	s.do(tr.Kill(s.primary, "haproxy"))
	s.moreAcks(50)
	s.do(tr.Launch(s.primary, "haproxy"))
}

// holders samples who has the virtual address.
type holders struct {
	cancel  context.CancelFunc
	group   sync.WaitGroup
	longest time.Duration
}

func (tr *traffic) watchHolders() *holders {
	ctx, cancel := context.WithCancel(tr.Context())
	h := &holders{cancel: cancel}
	h.group.Go(func() {
		var since boottime.Instant
		for pause(ctx, 20*time.Millisecond) {
			n := 0
			for _, node := range tr.Nodes {
				if held, err := node.Holds(deployment.VIP); err == nil && held && node != tr.away.Load() {
					n++
				}
			}
			switch now := boottime.Now(); {
			case n < 2:
				since = 0
			case since == 0:
				since = now
			default:
				h.longest = max(h.longest, now.Sub(since))
			}
		}
	})
	return h
}

// stop returns how long two hosts had it at a time.
func (h *holders) stop() time.Duration {
	h.cancel()
	h.group.Wait()
	return h.longest
}
