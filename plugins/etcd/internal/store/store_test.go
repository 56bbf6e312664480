// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pgvigil/pgvigil/plugins/etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// open opens a store over endpoints, with the defaults of the schema, and closes it with the test.
func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	cfg.DialTimeout, cfg.RequestTimeout = 2*time.Second, 2*time.Second
	cfg.KeepAlive, cfg.KeepAliveTimeout = 10*time.Second, 2*time.Second
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(key, value string) []Write { return []Write{{Key: key, Value: []byte(value)}} }

// mustPut writes a key and returns the revision.
func mustPut(t *testing.T, s *Store, key, value string) int64 {
	t.Helper()
	r, err := s.Commit(t.Context(), nil, put(key, value))
	if err != nil || !r.Applied {
		t.Fatalf("commit: %+v, %v", r, err)
	}
	return r.Revision
}

func TestReadShowsWhatWasCommitted(t *testing.T) {
	s := open(t, Config{Endpoints: etcdtest.Start(t, 1, nil).Endpoints})
	first := mustPut(t, s, "/a/1", "one")
	second := mustPut(t, s, "/a/2", "")
	mustPut(t, s, "/b", "other")
	got, err := s.Read(t.Context(), "/a/")
	if err != nil {
		t.Fatal(err)
	}
	want := Picture{Revision: second + 1, Keys: []KeyValue{
		{Key: "/a/1", Value: []byte("one"), Revision: first},
		{Key: "/a/2", Value: []byte{}, Revision: second},
	}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })); d != "" {
		t.Error(d)
	}
}

func TestConflictShowsWhatStandsInTheWay(t *testing.T) {
	s := open(t, Config{Endpoints: etcdtest.Start(t, 1, nil).Endpoints})
	rev := mustPut(t, s, "/k", "theirs")
	r, err := s.Commit(t.Context(), []Compare{{Key: "/k"}, {Key: "/absent"}}, put("/k", "ours"))
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Current: []KeyValue{{Key: "/k", Value: []byte("theirs"), Revision: rev}}}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
}

func TestRefusesAnEndpointOfAnotherCluster(t *testing.T) {
	one, other := etcdtest.Start(t, 1, nil), etcdtest.Start(t, 1, nil)
	s := open(t, Config{Endpoints: []string{one.Endpoints[0], other.Endpoints[0]}})
	mustPut(t, s, "/k", "v") // binds the store to the first cluster
	one.Kill(0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.Commit(ctx, nil, put("/k", "stray"))
	if err == nil {
		t.Fatal("committed to another cluster")
	}
	got, err := other.Client(t, 0, "", "").Get(t.Context(), "/k")
	if err != nil || len(got.Kvs) != 0 {
		t.Errorf("the other cluster holds %v (%v)", got, err)
	}
}

func TestRefusesAStoreThatWentBack(t *testing.T) {
	s := open(t, Config{Endpoints: etcdtest.Start(t, 1, nil).Endpoints})
	s.seen(mustPut(t, s, "/k", "v") + 100)
	if _, err := s.Read(t.Context(), "/k"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errWentBack) {
		t.Errorf("got %v", err)
	}
}

func TestNothingAnswers(t *testing.T) {
	s := open(t, Config{Endpoints: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}})
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if _, err := s.Read(ctx, "/"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the verdict came after the caller's deadline")
	}
	ctx, cancel = context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if _, err := s.Commit(ctx, nil, put("/k", "v")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("commit: %v", err)
	}
	err := s.Follow(t.Context(), NewWatch("/", 0), func(Step) error { return nil })
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("watch: %v", err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, Config{Endpoints: etcdtest.Start(t, 1, nil).Endpoints})
	stood := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Follow(t.Context(), NewWatch("/", 0), func(Step) error { stood <- struct{}{}; return nil })
	}()
	<-stood
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("watch ended with %v", err)
	}
	if _, err := s.Read(t.Context(), "/"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
}

// within fails the test when f takes longer than d.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	begun := time.Now()
	f()
	took := time.Since(begun)
	t.Logf("%s took %s", what, took.Round(time.Millisecond))
	if took > d {
		t.Errorf("%s took %s, more than %s", what, took, d)
	}
}
