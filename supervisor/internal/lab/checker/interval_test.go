// SPDX-License-Identifier: Apache-2.0

package checker

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

func seen(node string, timeline uint32, asked1, answered1, asked2, answered2 boottime.Instant) Interval {
	return Interval{Node: node, Timeline: timeline, First: Window{asked1, answered1}, Last: Window{asked2, answered2}}
}

func TestOnlyCertainOverlapsAreViolations(t *testing.T) {
	cases := []struct {
		name string
		a, b Interval
		want int
	}{
		{"one after the other", seen("a", 1, 10, 12, 50, 52), seen("b", 2, 60, 62, 90, 92), 0},
		{"clear overlap", seen("a", 1, 10, 12, 70, 72), seen("b", 2, 60, 62, 90, 92), 1},
		{"answers cross, which proves nothing", seen("a", 1, 10, 12, 60, 70), seen("b", 2, 62, 68, 90, 92), 0},
		{"one sample inside the other's time", seen("a", 1, 30, 32, 30, 32), seen("b", 2, 10, 12, 90, 92), 1},
		{"two single samples at about the same time", seen("a", 1, 30, 32, 30, 32), seen("b", 2, 31, 33, 31, 33), 0},
		{"same timeline, apart in time", seen("a", 3, 10, 12, 50, 52), seen("b", 3, 60, 62, 90, 92), 1},
		{"the same server restarted", seen("a", 3, 10, 12, 50, 52), seen("a", 3, 60, 62, 90, 92), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, pair := range [][]Interval{{c.a, c.b}, {c.b, c.a}} {
				if got := violations(pair, 0); len(got) != c.want {
					t.Errorf("violations: %q, want %d", got, c.want)
				}
			}
		})
	}
}

func TestReplacedPrimaryMayStayWritableForItsTimeOnly(t *testing.T) {
	newer := seen("b", 2, 60, 62, 90, 92)
	cases := []struct {
		name    string
		a       Interval
		deposed time.Duration
		want    int
	}{
		{"within its time", seen("a", 1, 10, 12, 70, 72), 8, 0},
		{"past its time", seen("a", 1, 10, 12, 71, 73), 8, 1},
		{"on the same timeline", seen("a", 2, 10, 12, 70, 72), 8, 1},
		{"an instant where none is allowed", seen("a", 1, 10, 12, 62, 64), 0, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := violations([]Interval{c.a, newer}, c.deposed); len(got) != c.want {
				t.Errorf("violations: %q, want %d", got, c.want)
			}
		})
	}
	if got := longestOverlap([]Interval{seen("a", 1, 10, 12, 70, 72), newer, seen("a", 3, 95, 96, 99, 99)}); got != 8 {
		t.Errorf("longest overlap: %d, want 8", got)
	}
}

func TestTwoNamesInOneEpochAreAViolation(t *testing.T) {
	c := &Checker{epochs: make(map[uint64]map[string]bool)}
	c.addEpoch("a", 4)
	c.addEpoch("a", 4)
	c.addEpoch("b", 5)
	if got := c.Violations(); len(got) != 0 {
		t.Errorf("violations: %q", got)
	}
	c.addEpoch("b", 4)
	if got := c.Violations(); len(got) != 1 || got[0] != "two primaries in epoch 4: a, b" {
		t.Errorf("violations: %q", got)
	}
}
