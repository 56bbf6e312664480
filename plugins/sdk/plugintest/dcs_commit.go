// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/protobuf/testing/protocmp"
)

// dcsCompare: 0 is absence, and a revision is exactly the last write's.
func dcsCompare(t *testing.T, s store) {
	first := s.apply(t, s.when("a", 0), s.put("a", "1"))
	s.expect(t, s.kv("a", "1", first))
	s.refuse(t, s.when("a", 0), s.put("a", "x"))
	s.refuse(t, s.when("a", first-1), s.put("a", "x"))
	s.refuse(t, s.when("a", first+1), s.put("a", "x"))
	second := s.apply(t, s.when("a", first), s.put("a", "2"))
	if second <= first {
		t.Errorf("revision went from %d to %d", first, second)
	}
	s.refuse(t, s.when("a", first), s.put("a", "x"))
	s.expect(t, s.kv("a", "2", second))
	third := s.apply(t, nil, s.put("a", "3"))
	s.expect(t, s.kv("a", "3", third))
}

// dcsRecreated: a key that was deleted is absent, and one made anew does not match its old revision.
func dcsRecreated(t *testing.T, s store) {
	first := s.apply(t, s.when("a", 0), s.put("a", "1"))
	s.apply(t, s.when("a", first), s.remove("a"))
	s.refuse(t, s.when("a", first), s.put("a", "x"))
	again := s.apply(t, s.when("a", 0), s.put("a", "1"))
	s.refuse(t, s.when("a", first), s.put("a", "x"))
	s.expect(t, s.kv("a", "1", again))
}

// dcsConflict: the answer holds every compared key that exists, and nothing was written.
func dcsConflict(t *testing.T, s store) {
	ra := s.apply(t, nil, s.put("a", "1"))
	rb := s.apply(t, nil, s.put("b", "2"), s.put("other", "3"))
	compares := slices.Concat(s.when("b", rb), s.when("a", rb), s.when("absent", 0))
	resp := s.refuse(t, compares, s.put("a", "x"), s.put("new", "x"))
	want := []*pluginv1.KeyValue{s.kv("a", "1", ra), s.kv("b", "2", rb)}
	got := slices.SortedFunc(slices.Values(resp.GetCurrent()), func(x, y *pluginv1.KeyValue) int {
		return strings.Compare(x.GetKey(), y.GetKey())
	})
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("current (-want +got):\n%s", diff)
	}
	s.expect(t, s.kv("a", "1", ra), s.kv("b", "2", rb), s.kv("other", "3", rb))
	if resp := s.refuse(t, s.when("absent", ra), s.put("new", "x")); len(resp.GetCurrent()) != 0 {
		t.Errorf("current of an absent key: %v", resp.GetCurrent())
	}
}

// dcsAtomic: one commit is one revision, all of it or nothing.
func dcsAtomic(t *testing.T, s store) {
	old := s.apply(t, nil, s.put("gone", "1"), s.put("kept", "1"))
	r := s.apply(t, s.when("gone", old), s.put("a", "1"), s.remove("gone"), s.put("b", "2"), s.put("c", ""))
	s.expect(t, s.kv("a", "1", r), s.kv("b", "2", r), s.kv("c", "", r), s.kv("kept", "1", old))
	s.refuse(t, slices.Concat(s.when("a", r), s.when("kept", r)), s.put("a", "x"), s.remove("b"), s.put("d", "x"))
	s.expect(t, s.kv("a", "1", r), s.kv("b", "2", r), s.kv("c", "", r), s.kv("kept", "1", old))
}

// dcsForeignCompare: what is compared need not be written, as with a renewal that compares the epoch.
func dcsForeignCompare(t *testing.T, s store) {
	epoch := s.apply(t, nil, s.put("epoch", "1"))
	leader := s.apply(t, s.when("epoch", epoch), s.put("leader", "m1"))
	next := s.apply(t, s.when("leader", leader), s.put("epoch", "2"))
	s.refuse(t, slices.Concat(s.when("leader", leader), s.when("epoch", epoch)), s.put("leader", "m1 again"))
	s.expect(t, s.kv("epoch", "2", next), s.kv("leader", "m1", leader))
}

// dcsDelete: a deleted key is gone, and removing what is not there is no error.
func dcsDelete(t *testing.T, s store) {
	r := s.apply(t, nil, s.put("a", "1"), s.put("ab", "2"))
	s.apply(t, nil, s.remove("a"))
	s.expect(t, s.kv("ab", "2", r))
	if again := s.apply(t, nil, s.remove("a")); again < r {
		t.Errorf("revision fell from %d to %d", r, again)
	}
	s.expect(t, s.kv("ab", "2", r))
}

// dcsPrefix: byte by byte, no path semantics, ascending.
func dcsPrefix(t *testing.T, s store) {
	keys := []string{"a", "a/", "a/b", "a0", "aa", "b", "a\x7f", "aé", "a\U0010FFFF"}
	for _, k := range keys {
		s.apply(t, nil, s.put(k, "v"))
	}
	slices.Sort(keys)
	for _, p := range []string{"", "a", "a/", "a/b", "a/b/", "a\x7f", "aé", "a\U0010FFFF", "b", "c"} {
		var want, got []string
		for _, k := range keys {
			if strings.HasPrefix(k, p) {
				want = append(want, k)
			}
		}
		for _, kv := range s.read(t, s.prefix+p).GetKeys() {
			got = append(got, strings.TrimPrefix(kv.GetKey(), s.prefix))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", p, diff)
		}
	}
}

// dcsValues: values are bytes; an empty one exists.
func dcsValues(t *testing.T, s store) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	values := map[string][]byte{"binary": all, "empty": {}, "large": bytes.Repeat(all, 2048), "zero": {0}}
	for k, v := range values {
		s.apply(t, s.when(k, 0), s.put(k, string(v)))
	}
	got := s.read(t, s.prefix).GetKeys()
	if len(got) != len(values) {
		t.Fatalf("%d keys, want %d", len(got), len(values))
	}
	for _, kv := range got {
		if want := values[strings.TrimPrefix(kv.GetKey(), s.prefix)]; !bytes.Equal(kv.GetValue(), want) {
			t.Errorf("%s: %d bytes that differ from the %d written", kv.GetKey(), len(kv.GetValue()), len(want))
		}
	}
}
