// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPositionsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := LSN(rapid.Uint64().Draw(t, "lsn"))
		got, err := ParseLSN(l.String())
		if err != nil || got != l {
			t.Fatalf("%s became %s, %v", l, got, err)
		}
	})
	for _, bad := range []string{"", "0", "0/", "/0", "G/0", "0/100000000"} {
		if l, err := ParseLSN(bad); err == nil {
			t.Errorf("%q became %s", bad, l)
		}
	}
}

func TestSegmentNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := uint64(1) << rapid.IntRange(20, 30).Draw(t, "bits")
		tli := rapid.Uint32().Draw(t, "timeline")
		segment := rapid.Uint64Range(0, ^uint64(0)/size).Draw(t, "segment")
		gotTLI, gotSegment, ok := ParseSegmentName(SegmentName(tli, segment, size), size)
		if !ok || gotTLI != tli || gotSegment != segment {
			t.Fatalf("%d/%d became %d/%d, %v", tli, segment, gotTLI, gotSegment, ok)
		}
	})
	if got := SegmentName(5, LSN(0x16B374D848).Segment(16<<20), 16<<20); got != "0000000500000016000000B3" {
		t.Errorf("segment name %s", got)
	}
	for _, bad := range []string{"00000002.history", "000000010000000000000001.partial", "archive_status", "00000001000000000000000G"} {
		if _, _, ok := ParseSegmentName(bad, 16<<20); ok {
			t.Errorf("%q taken for a segment", bad)
		}
	}
}

func TestHistory(t *testing.T) {
	got, err := ParseHistory("1\t0/3000000\tno recovery target specified\n\n# note\n2\t0/5000A28\tno recovery target specified\n")
	want := History{{1, 0x3000000}, {2, 0x5000A28}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if end, ok := got.End(2); !ok || end != 0x5000A28 {
		t.Errorf("end of 2: %s %v", end, ok)
	}
	if _, ok := got.End(3); ok {
		t.Error("a timeline ended that is not in the history")
	}
	for _, bad := range []string{"1\n", "x\t0/0\n", "1\tnowhere\n"} {
		if h, err := ParseHistory(bad); err == nil {
			t.Errorf("%q became %v", bad, h)
		}
	}
}

func TestFork(t *testing.T) {
	for _, c := range []struct {
		name string
		tliA uint32
		a    History
		tliB uint32
		b    History
		end  LSN
		ok   bool
	}{
		{"same line", 2, History{{1, 100}}, 2, History{{1, 100}}, 0, false},
		{"first timeline on both", 1, nil, 1, nil, 0, false},
		{"parent and child", 1, nil, 2, History{{1, 100}}, 100, true},
		{"grandparent", 1, nil, 3, History{{1, 100}, {2, 200}}, 100, true},
		{"parent, of three", 2, History{{1, 100}}, 3, History{{1, 100}, {2, 200}}, 200, true},
		{"one number, two histories", 2, History{{1, 100}}, 2, History{{1, 90}}, 90, true},
		{"siblings that left at one point", 2, History{{1, 100}}, 3, History{{1, 100}}, 100, true},
		{"siblings", 3, History{{1, 100}}, 2, History{{1, 50}}, 50, true},
		{"strangers", 3, History{{2, 100}}, 4, History{{1, 50}}, 0, false},
	} {
		for _, swapped := range []bool{false, true} {
			tliA, a, tliB, b := c.tliA, c.a, c.tliB, c.b
			if swapped {
				tliA, a, tliB, b = tliB, b, tliA, a
			}
			if end, ok := Fork(tliA, a, tliB, b); ok != c.ok || (ok && end != c.end) {
				t.Errorf("%s (swapped %v): %s %v, want %s %v", c.name, swapped, end, ok, c.end, c.ok)
			}
		}
	}
}
