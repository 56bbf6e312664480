// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/etcdtest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// counter adds one to a key by compare-and-swap and keeps account of what it was told.
type counter struct {
	store            *Store
	applied, unknown int
	conflicts        int
}

// add reads and commits once; an unavailable store is simply tried again by the caller.
func (c *counter) add(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	p, err := c.store.Read(ctx, "/counter")
	if err != nil {
		return err
	}
	value, rev := 0, int64(0)
	if len(p.Keys) == 1 {
		if value, err = strconv.Atoi(string(p.Keys[0].Value)); err != nil {
			return err
		}
		rev = p.Keys[0].Revision
	}
	r, err := c.store.Commit(ctx, []Compare{{"/counter", rev}}, put("/counter", strconv.Itoa(value+1)))
	switch {
	case errors.Is(err, ErrUnknown):
		c.unknown++
	case err != nil:
		return err
	case r.Applied:
		c.applied++
	default:
		c.conflicts++
	}
	return nil
}

// TestCommitsSurviveTheDeathOfTheEtcdLeader: with two counters at work the leader is killed and comes back.
// Every commit reported as applied must be there exactly once, and one reported as unknown at most once.
func TestCommitsSurviveTheDeathOfTheEtcdLeader(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	counters := []*counter{{store: open(t, Config{Endpoints: c.Endpoints})}, {store: open(t, Config{Endpoints: c.Endpoints})}}
	done := make(chan struct{})
	for _, n := range counters {
		go func() {
			for ctx.Err() == nil {
				_ = n.add(ctx) // unavailable during the election
			}
			done <- struct{}{}
		}()
	}
	reader := open(t, Config{Endpoints: c.Endpoints})
	grow := func(by int) {
		t.Helper()
		from := count(t, reader)
		plugintest.Eventually(t, "counter grows", func() bool { return count(t, reader) >= from+by })
	}
	for range 2 {
		grow(50)
		leader := c.Leader(t)
		c.Kill(leader)
		grow(50)
		c.Run(t, leader)
	}
	grow(50)
	cancel()
	<-done
	<-done
	applied := counters[0].applied + counters[1].applied
	unknown := counters[0].unknown + counters[1].unknown
	conflicts := counters[0].conflicts + counters[1].conflicts
	got := count(t, reader)
	t.Logf("counted %d: %d applied, %d unknown, %d conflicts", got, applied, unknown, conflicts)
	if got < applied || got > applied+unknown {
		t.Errorf("counted %d, but %d were applied and %d are unknown", got, applied, unknown)
	}
	if conflicts == 0 {
		t.Error("the counters never met: the test shows nothing")
	}
}

func count(t *testing.T, s *Store) int {
	t.Helper()
	p, err := s.Read(t.Context(), "/counter")
	if err != nil || len(p.Keys) == 0 {
		return 0
	}
	n, err := strconv.Atoi(string(p.Keys[0].Value))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFrozenEndpoint: a frozen etcd keeps its connections, so nothing but its silence tells of it.
func TestFrozenEndpoint(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	frozen := (c.Leader(t) + 1) % 3
	s := open(t, Config{Endpoints: append([]string{c.Endpoints[frozen]}, c.Endpoints...)})
	mustPut(t, s, "/k", "before")
	c.Freeze(t, frozen)
	defer c.Thaw(t, frozen)
	within(t, time.Second, "first read", func() {
		if _, err := s.Read(t.Context(), "/"); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		within(t, 500*time.Millisecond, "commit", func() { mustPut(t, s, "/k", "while frozen") })
	}
	within(t, time.Second, "health", func() {
		healthy, line := s.Health(t.Context())
		t.Log(line)
		if !healthy {
			t.Error(line)
		}
	})
}

// TestCommitToAnEndpointThatFroze: the endpoint had answered just before, so the commit goes there. Its
// outcome is unknown, in time, and the next one goes elsewhere.
func TestCommitToAnEndpointThatFroze(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	frozen := (c.Leader(t) + 1) % 3
	s := open(t, Config{Endpoints: []string{c.Endpoints[frozen], c.Endpoints[(frozen+1)%3], c.Endpoints[(frozen+2)%3]}})
	mustPut(t, s, "/k", "before")
	c.Freeze(t, frozen)
	defer c.Thaw(t, frozen)
	within(t, 700*time.Millisecond, "commit to the frozen endpoint", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := s.Commit(ctx, nil, put("/k", "lost?")); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
		if ctx.Err() != nil {
			t.Error("the verdict came after the caller's deadline")
		}
	})
	within(t, 500*time.Millisecond, "next commit", func() { mustPut(t, s, "/k", "after") })
}

func TestQuorumLostAndBack(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	s := open(t, Config{Endpoints: c.Endpoints})
	rev := mustPut(t, s, "/k", "before")
	c.Kill(0)
	c.Kill(1)
	for range 3 {
		within(t, 2500*time.Millisecond, "commit without quorum", func() {
			r, err := s.Commit(t.Context(), []Compare{{"/k", rev}}, put("/k", "without"))
			if err == nil {
				t.Errorf("commit without quorum: %+v", r)
			}
		})
	}
	within(t, 2500*time.Millisecond, "read without quorum", func() {
		if p, err := s.Read(t.Context(), "/k"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("read without quorum: %+v, %v", p, err)
		}
	})
	if healthy, line := s.Health(t.Context()); healthy {
		t.Errorf("healthy without quorum: %s", line)
	}
	c.Run(t, 0)
	plugintest.Eventually(t, "commits work again", func() bool {
		_, err := s.Commit(t.Context(), nil, put("/back", "again"))
		return err == nil
	})
}
