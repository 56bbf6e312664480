// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
)

// watch is an open watch that has had its first message.
type watch struct {
	stream grpc.ServerStreamingClient[pluginv1.WatchResponse]
	cancel context.CancelFunc
	// left are events received and not yet taken.
	left []*pluginv1.Event
	// revision of the last message.
	revision int64
}

func (s store) watch(t testing.TB, prefix string, from int64) *watch {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	stream, err := s.dcs.Watch(ctx, &pluginv1.WatchRequest{Prefix: prefix, FromRevision: from})
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	w := &watch{stream: stream, cancel: cancel}
	if first := w.receive(t); len(first) != 0 {
		t.Fatalf("first message of a watch holds events: %v", first)
	}
	if w.revision <= 0 {
		t.Fatalf("first message of a watch has revision %d, want more than 0", w.revision)
	}
	return w
}

func (w *watch) receive(t testing.TB) []*pluginv1.Event {
	t.Helper()
	m, err := w.stream.Recv()
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	w.revision = m.GetRevision()
	return m.GetEvents()
}

// take returns the next n events.
func (w *watch) take(t testing.TB, n int) []*pluginv1.Event {
	t.Helper()
	for len(w.left) < n {
		w.left = append(w.left, w.receive(t)...)
	}
	got := w.left[:n]
	w.left = w.left[n:]
	return got
}

func (w *watch) expect(t testing.TB, want ...*pluginv1.Event) {
	t.Helper()
	if diff := cmp.Diff(want, w.take(t, len(want)), protocmp.Transform()); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
}

func (s store) wrote(key, value string, revision int64) *pluginv1.Event {
	return &pluginv1.Event{KeyValue: s.kv(key, value, revision)}
}

func (s store) removed(key string, revision int64) *pluginv1.Event {
	return &pluginv1.Event{KeyValue: &pluginv1.KeyValue{Key: s.prefix + key, ModRevision: revision}, Deleted: true}
}

// dcsWatchFirst: the first message comes without any change, and covers all that was committed before.
func dcsWatchFirst(t *testing.T, s store) {
	s.watch(t, s.prefix, 0)
	before := s.apply(t, nil, s.put("a", "1"))
	w := s.watch(t, s.prefix, 0)
	after := s.apply(t, nil, s.put("a", "2"))
	w.expect(t, s.wrote("a", "2", after))
	if before >= after {
		t.Errorf("revision went from %d to %d", before, after)
	}
}

// dcsWatchEvents: every change under the prefix, in order, deletions too, nothing else.
func dcsWatchEvents(t *testing.T, s store) {
	w := s.watch(t, s.prefix+"in/", 0)
	r1 := s.apply(t, nil, s.put("in/a", "1"), s.put("out", "1"))
	s.apply(t, nil, s.put("in", "x"), s.put("in0", "x"))
	r2 := s.apply(t, nil, s.remove("in/a"))
	r3 := s.apply(t, nil, s.put("in/a", ""))
	s.apply(t, nil, s.remove("in/never"), s.remove("out"))
	s.refuse(t, s.when("in/a", 0), s.put("in/a", "x"))
	r4 := s.apply(t, nil, s.put("in/b", "4"))
	w.expect(t, s.wrote("in/a", "1", r1), s.removed("in/a", r2), s.wrote("in/a", "", r3), s.wrote("in/b", "4", r4))
}

// dcsWatchFrom: a revision in the past gives all that happened since, itself included.
func dcsWatchFrom(t *testing.T, s store) {
	var want []*pluginv1.Event
	for i := range 10 {
		v := strconv.Itoa(i)
		want = append(want, s.wrote("a", v, s.apply(t, nil, s.put("a", v))))
	}
	s.watch(t, s.prefix, want[0].GetKeyValue().GetModRevision()).expect(t, want...)
	w := s.watch(t, s.prefix, want[4].GetKeyValue().GetModRevision())
	w.expect(t, want[4:]...)
	w.expect(t, s.wrote("b", "new", s.apply(t, nil, s.put("b", "new"))))
}

// dcsWatchResume: a watch from the revision after the last event seen loses nothing and repeats nothing.
func dcsWatchResume(t *testing.T, s store) {
	w := s.watch(t, s.prefix, 0)
	r1 := s.apply(t, nil, s.put("a", "1"))
	w.expect(t, s.wrote("a", "1", r1))
	w.cancel()
	r2 := s.apply(t, nil, s.put("a", "2"))
	w = s.watch(t, s.prefix, r1+1)
	r3 := s.apply(t, nil, s.put("a", "3"))
	w.expect(t, s.wrote("a", "2", r2), s.wrote("a", "3", r3))
}

// dcsWatchCancel: a cancelled watch ends, and another one is not touched by that.
func dcsWatchCancel(t *testing.T, s store) {
	gone, stays := s.watch(t, s.prefix, 0), s.watch(t, s.prefix, 0)
	gone.cancel()
	if _, err := gone.stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("cancelled watch: got %v, want %s", err, codes.Canceled)
	}
	stays.expect(t, s.wrote("a", "1", s.apply(t, nil, s.put("a", "1"))))
}
