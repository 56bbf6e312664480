// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

func TestJudge(t *testing.T) {
	calm := outcome{before: "a", after: "a", gap: 10 * time.Millisecond}
	moved := outcome{before: "a", after: "b", gap: 700 * time.Millisecond}
	cases := []struct {
		name string
		demand
		outcome
		want string
	}{
		{"calm, and it should be", demand{bound: noise, leader: stays}, calm, ""},
		{"moved, and either is right", demand{bound: time.Second}, moved, ""},
		{"moved, and it should", demand{bound: time.Second, leader: moves}, moved, ""},
		{"moved, and it should not", demand{bound: time.Second, leader: stays}, moved, "moved from a to b"},
		{"stayed, and it should not", demand{bound: time.Second, leader: moves}, calm, "a still leads"},
		{"moved twice", demand{bound: time.Second}, outcome{before: "a", after: "c", leaderships: 2}, "2 leaderships began"},
		{"too slow", demand{bound: noise}, moved, "700 ms, more than the 500 ms"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(c.judge(c.outcome), "; ")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("faults %q, want %q", got, c.want)
			}
		})
	}
}

func TestLossIsChargedToTheActItBelongsTo(t *testing.T) {
	list := []act{{title: "first", demand: demand{bound: time.Second}}, {title: "second", demand: demand{bound: time.Second, lossy: true}}}
	outcomes := []outcome{{begin: 10, end: 100}, {since: 100, begin: 110, end: 200}}
	at := func(when boottime.Instant, lsn uint64) ledger.Entry {
		return ledger.Entry{Seq: int64(when), Outcome: ledger.Acknowledged, Timeline: 1, LSN: lsn, At: when}
	}
	cases := []struct {
		name    string
		lost    []ledger.Entry
		missing []ledger.Entry
		want    []string
	}{
		{"none", nil, nil, nil},
		{"allowed", []ledger.Entry{at(105, 5), at(150, 6)}, nil, nil},
		{"not allowed", []ledger.Entry{at(50, 5)}, nil, []string{"first: 1 acknowledged writes are lost, the first is 0/50 at 1:0/5"}},
		{"too many", []ledger.Entry{at(120, 0), at(130, maxLag+1)}, nil, []string{"second: the lost writes span 16777217 bytes of WAL, more than the 16777216 allowed"}},
		{"after the last act", []ledger.Entry{at(250, 5)}, nil, []string{"1 acknowledged writes were lost after the story"}},
		{"missing on the surviving line", nil, []ledger.Entry{at(150, 5)}, []string{"write 0/150 at 1:0/5 was acknowledged on the surviving line and is missing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := findings{report: ledger.Report{Totals: ledger.Totals{Acknowledged: 9}, Discarded: c.lost, Missing: c.missing}}
			if diff := cmp.Diff(c.want, f.faults(list, outcomes)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindingsOfTheNodes(t *testing.T) {
	f := findings{report: ledger.Report{Phantom: []string{"7/7"}}, differing: []string{"node2"}}
	want := []string{
		"no write was acknowledged at all, which proves nothing",
		"row that nobody may have written: 7/7",
		"node2 does not hold the same rows as the primary",
	}
	if diff := cmp.Diff(want, f.faults(nil, nil)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestEveryActButTheLossOfANodeIsLosslessAndFasterThanTheTTL(t *testing.T) {
	const ttl = 3 * time.Second
	lossy := 0
	for _, a := range acts(ttl, async) {
		if a.lossy {
			lossy++
			continue
		}
		if a.bound > ttl {
			t.Errorf("%s: bound %s", a.title, a.bound)
		}
	}
	if lossy != 1 {
		t.Errorf("%d acts may lose writes", lossy)
	}
}
