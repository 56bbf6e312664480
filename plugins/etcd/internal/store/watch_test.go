// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pgvigil/pgvigil/plugins/etcd/internal/etcdtest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// follow runs a watch and hands out its steps until the test ends.
func follow(t *testing.T, s *Store, w *Watch) (steps chan Step, ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	steps, ended = make(chan Step, 1000), make(chan error, 1)
	go func() {
		ended <- s.Follow(ctx, w, func(step Step) error { steps <- step; return nil })
	}()
	t.Cleanup(cancel)
	return steps, ended
}

// next returns the next step with events.
func next(t *testing.T, steps chan Step) Step {
	t.Helper()
	limit := time.After(plugintest.Patience)
	for {
		select {
		case step := <-steps:
			if len(step.Events) > 0 {
				return step
			}
		case <-limit:
			t.Fatal("no event")
		}
	}
}

func TestWatchBeginsWithAnEmptyStep(t *testing.T) {
	s := open(t, Config{Endpoints: etcdtest.Start(t, 1, nil).Endpoints})
	rev := mustPut(t, s, "/w/k", "before")
	steps, _ := follow(t, s, NewWatch("/w/", 0))
	if d := cmp.Diff(Step{Revision: rev}, <-steps); d != "" {
		t.Error(d)
	}
	mustPut(t, s, "/other", "not watched")
	put := mustPut(t, s, "/w/k", "new")
	want := Step{put, []Event{{KeyValue: KeyValue{"/w/k", []byte("new"), put}}}}
	if d := cmp.Diff(want, next(t, steps)); d != "" {
		t.Error(d)
	}
	gone, err := s.Commit(t.Context(), nil, []Write{{Key: "/w/k", Delete: true}})
	if err != nil {
		t.Fatal(err)
	}
	want = Step{gone.Revision, []Event{{KeyValue{"/w/k", nil, gone.Revision}, true}}}
	if d := cmp.Diff(want, next(t, steps)); d != "" {
		t.Error(d)
	}
}

// TestWatchHasNoGaps: the endpoint watched is killed, and later the other one is frozen, while a writer goes
// on writing to the etcd leader.
func TestWatchHasNoGaps(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	leader := c.Leader(t)
	first, second := (leader+1)%3, (leader+2)%3
	watcher := open(t, Config{Endpoints: []string{c.Endpoints[first], c.Endpoints[second]}})
	writer := open(t, Config{Endpoints: []string{c.Endpoints[leader]}})
	steps, _ := follow(t, watcher, NewWatch("/w/", mustPut(t, writer, "/w/k", "0")))
	written := 0
	write := func(n int) {
		for range n {
			written++
			value := fmt.Sprint(written)
			plugintest.Eventually(t, "write", func() bool {
				r, err := writer.Commit(t.Context(), nil, put("/w/"+value, value))
				return err == nil && r.Applied
			})
		}
	}
	seen := 0
	expect := func() {
		t.Helper()
		for seen < written {
			for _, ev := range next(t, steps).Events {
				switch string(ev.Value) {
				case fmt.Sprint(seen + 1):
					seen++
				case fmt.Sprint(seen): // an unknown outcome that was written again
				default:
					t.Fatalf("event %s after %d", ev.Value, seen)
				}
			}
		}
	}
	write(20)
	expect()
	c.Kill(first)
	write(20)
	within(t, 3*time.Second, "moving from a killed endpoint", expect)
	c.Run(t, first)
	c.AwaitReady(t)
	c.Freeze(t, second)
	defer c.Thaw(t, second)
	within(t, dead+2*time.Second, "moving from a frozen endpoint", func() { write(20); expect() })
}

// A watch that was driven away from the preferred endpoint returns when that is well again: the loss of the other one is no
// matter then.
func TestWatchReturns(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	leader := c.Leader(t)
	own, other := (leader+1)%3, (leader+2)%3
	s := open(t, Config{Endpoints: []string{c.Endpoints[own], c.Endpoints[other], c.Endpoints[leader]}})
	mustPut(t, s, "/w/k", "0")
	steps, _ := follow(t, s, NewWatch("/w/", 0))
	<-steps
	c.Freeze(t, own)
	if _, err := s.Read(t.Context(), "/w/"); err != nil { // from another one
		t.Fatal(err)
	}
	mustPut(t, s, "/w/k", "driven away")
	next(t, steps)
	c.Thaw(t, own)
	deadline := time.Now().Add(plugintest.Patience)
	for own := s.endpoints[0]; own.suspect.Load(); {
		if time.Now().After(deadline) {
			t.Fatal("the preferred endpoint stays suspect")
		}
		mustPut(t, s, "/w/k", "busy")
		next(t, steps)
	}
	mustPut(t, s, "/w/k", "it is seen to be back with this one")
	next(t, steps)
	c.Freeze(t, other)
	defer c.Thaw(t, other)
	mustPut(t, s, "/w/k", "other lost")
	began := time.Now()
	next(t, steps)
	if took := time.Since(began); took > dead/2 {
		t.Errorf("the event took %s", took)
	}
}

func TestWatchOfCompactedHistory(t *testing.T) {
	c := etcdtest.Start(t, 1, nil)
	s := open(t, Config{Endpoints: c.Endpoints})
	first := mustPut(t, s, "/w/k", "1")
	last := mustPut(t, s, "/w/k", "2")
	if _, err := c.Client(t, 0, "", "").Compact(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	_, ended := follow(t, s, NewWatch("/w/", first))
	if err := <-ended; !errors.Is(err, ErrCompacted) {
		t.Errorf("got %v", err)
	}
	steps, _ := follow(t, s, NewWatch("/w/", last))
	if got := next(t, steps).Revision; got != last {
		t.Errorf("first event of revision %d, expected %d", got, last)
	}
}

// TestWatchOfTheFuture begins at a revision that does not exist yet.
func TestWatchOfTheFuture(t *testing.T) {
	s := open(t, Config{Endpoints: etcdtest.Start(t, 1, nil).Endpoints})
	now := mustPut(t, s, "/w/k", "now")
	steps, _ := follow(t, s, NewWatch("/w/", now+2))
	if first := <-steps; len(first.Events) != 0 || first.Revision != now+1 {
		t.Errorf("first step is %+v", first)
	}
	mustPut(t, s, "/w/k", "too early")
	want := mustPut(t, s, "/w/k", "there")
	if got := next(t, steps).Revision; got != want {
		t.Errorf("got %d, expected %d", got, want)
	}
}
