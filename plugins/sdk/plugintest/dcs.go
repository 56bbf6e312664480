// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"crypto/rand"
	"testing"

	"github.com/google/go-cmp/cmp"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
)

// DCS checks the promises of pluginv1.DCS. connect starts a plugin, configured for the same store each
// time. The suite writes under "/plugintest/" only, each test under a prefix of its own.
func DCS(t *testing.T, connect func(t testing.TB) *grpc.ClientConn) {
	tests := []struct {
		name string
		run  func(t *testing.T, s store)
	}{
		{"read_empty", dcsReadEmpty},
		{"compare", dcsCompare},
		{"compare_after_recreation", dcsRecreated},
		{"conflict_tells_current", dcsConflict},
		{"several_keys_at_once", dcsAtomic},
		{"compares_without_writes_to_them", dcsForeignCompare},
		{"delete", dcsDelete},
		{"prefix", dcsPrefix},
		{"values", dcsValues},
		{"bad_input", dcsBadInput},
		{"watch_begins_at_once", dcsWatchFirst},
		{"watch_events", dcsWatchEvents},
		{"watch_from_revision", dcsWatchFrom},
		{"watch_resume", dcsWatchResume},
		{"watch_cancel", dcsWatchCancel},
	}
	conn := connect(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newStore(conn)) })
	}
	second := connect(t)
	t.Run("two_plugins_read_each_other", func(t *testing.T) { dcsLinearizable(t, newStore(conn), second) })
	t.Run("two_plugins_count", func(t *testing.T) { dcsCount(t, newStore(conn), second) })
	t.Run("two_plugins_watch_each_other", func(t *testing.T) { dcsWatchBusy(t, newStore(conn), second) })
}

// store is a plugin and the prefix a test may use.
type store struct {
	dcs    pluginv1.DCSClient
	prefix string
}

func newStore(conn *grpc.ClientConn) store {
	return store{dcs: pluginv1.NewDCSClient(conn), prefix: "/plugintest/" + rand.Text() + "/"}
}

// on is the same prefix seen through another plugin.
func (s store) on(conn *grpc.ClientConn) store {
	return store{dcs: pluginv1.NewDCSClient(conn), prefix: s.prefix}
}

func (s store) read(t testing.TB, prefix string) *pluginv1.ReadResponse {
	t.Helper()
	resp, err := s.dcs.Read(within(t, Patience), &pluginv1.ReadRequest{Prefix: prefix})
	if err != nil {
		t.Fatalf("read %q: %v", prefix, err)
	}
	if resp.GetRevision() <= 0 {
		t.Fatalf("read %q: revision %d, want more than 0", prefix, resp.GetRevision())
	}
	return resp
}

func (s store) commit(t testing.TB, req *pluginv1.CommitRequest) *pluginv1.CommitResponse {
	t.Helper()
	resp, err := s.dcs.Commit(within(t, Patience), req)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return resp
}

// apply commits and returns the revision; anything but APPLIED fails the test.
func (s store) apply(t testing.TB, compares []*pluginv1.Compare, writes ...*pluginv1.Write) int64 {
	t.Helper()
	resp := s.commit(t, &pluginv1.CommitRequest{Compares: compares, Writes: writes})
	if resp.GetOutcome() != pluginv1.Outcome_OUTCOME_APPLIED {
		t.Fatalf("commit: %s (%s), want %s", resp.GetOutcome(), resp.GetMessage(), pluginv1.Outcome_OUTCOME_APPLIED)
	}
	return resp.GetRevision()
}

// refuse commits and returns the answer; anything but CONFLICT fails the test.
func (s store) refuse(t testing.TB, compares []*pluginv1.Compare, writes ...*pluginv1.Write) *pluginv1.CommitResponse {
	t.Helper()
	resp := s.commit(t, &pluginv1.CommitRequest{Compares: compares, Writes: writes})
	if resp.GetOutcome() != pluginv1.Outcome_OUTCOME_CONFLICT {
		t.Fatalf("commit: %s (%s), want %s", resp.GetOutcome(), resp.GetMessage(), pluginv1.Outcome_OUTCOME_CONFLICT)
	}
	return resp
}

func (s store) put(key, value string) *pluginv1.Write {
	return &pluginv1.Write{Key: s.prefix + key, Value: []byte(value)}
}

func (s store) remove(key string) *pluginv1.Write {
	return &pluginv1.Write{Key: s.prefix + key, Delete: true}
}

func (s store) kv(key, value string, revision int64) *pluginv1.KeyValue {
	return &pluginv1.KeyValue{Key: s.prefix + key, Value: []byte(value), ModRevision: revision}
}

// when is one condition; revision 0 is absence.
func (s store) when(key string, revision int64) []*pluginv1.Compare {
	return []*pluginv1.Compare{{Key: s.prefix + key, ModRevision: revision}}
}

// expect fails the test unless exactly these keys exist.
func (s store) expect(t testing.TB, want ...*pluginv1.KeyValue) {
	t.Helper()
	if diff := cmp.Diff(want, s.read(t, s.prefix).GetKeys(), protocmp.Transform()); diff != "" {
		t.Fatalf("keys (-want +got):\n%s", diff)
	}
}

func dcsReadEmpty(t *testing.T, s store) {
	s.expect(t)
}

func dcsBadInput(t *testing.T, s store) {
	commits := map[string]*pluginv1.CommitRequest{
		"no writes":         {Compares: s.when("a", 0)},
		"key written twice": {Writes: []*pluginv1.Write{s.put("a", "1"), s.put("a", "2")}},
		"put and deleted":   {Writes: []*pluginv1.Write{s.put("a", "1"), s.remove("a")}},
		"empty key":         {Writes: []*pluginv1.Write{{Value: []byte("1")}}},
		"empty compare key": {Compares: []*pluginv1.Compare{{}}, Writes: []*pluginv1.Write{s.put("a", "1")}},
	}
	for name, req := range commits {
		_, err := s.dcs.Commit(within(t, Patience), req)
		wantInvalid(t, name, err)
	}
	_, err := s.dcs.Read(within(t, Patience), &pluginv1.ReadRequest{})
	wantInvalid(t, "read of an empty prefix", err)
	watch, err := s.dcs.Watch(within(t, Patience), &pluginv1.WatchRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	wantInvalid(t, "watch of an empty prefix", err)
	s.expect(t)
}

func wantInvalid(t *testing.T, what string, err error) {
	t.Helper()
	if got := status.Code(err); got != codes.InvalidArgument {
		t.Errorf("%s: got %s, want %s", what, got, codes.InvalidArgument)
	}
}
