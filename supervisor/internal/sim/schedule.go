// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// lasting faults are in force for a while, on one host.
var lasting = []string{"cut", "cut-dcs", "stale", "slow", "lose", "flaky", "full", "lag", "plugin", "nosave", "slow-reports"}

// kindFaults lose nothing: whatever is done, no acknowledged write may go missing.
var kindFaults = []string{"kill-pg", "orphan-pg", "restart", "crash", "switchover", "switchover", "lag"}

var allFaults = append([]string{
	"kill-pg", "orphan-pg", "freeze", "restart", "crash", "power", "stop", "dcs-down", "cut-peer",
	"switchover", "failover", "reinit", "pause", "resume",
}, lasting...)

const (
	faultsBegin = 6 * core.Second // the cluster is born by then
	faultsEnd   = 32 * core.Second
)

// retimed adds reloads with another ttl to the faults of every third seed.
func retimed(seed int64, faults []fault) []fault {
	if seed%3 != 0 {
		return faults
	}
	r := rand.New(rand.NewSource(seed ^ 0x77_1))
	for range 1 + r.Intn(6) {
		f := fault{at: faultsBegin + core.Span(r.Int63n(int64(faultsEnd-faultsBegin)))/core.Millisecond*core.Millisecond, kind: "retime", who: memberNames[r.Intn(3)]}
		f.last = core.Span(r.Intn(len(ttls))) * core.Millisecond
		if r.Intn(2) == 0 {
			f.who = "@renew"
		}
		faults = append(faults, f)
	}
	return faults
}

// schedule draws the faults of a seed.
func schedule(seed int64) (faults []fault, strict bool) {
	r := rand.New(rand.NewSource(seed ^ 0x5eed))
	kinds := allFaults
	switch {
	case seed%4 == 0:
		kinds, strict = kindFaults, true
	case seed%4 == 1:
		return ambushes(r), false
	case seed%2 == 0: // a few kinds that meet often
		kinds = nil
		for range 3 + r.Intn(3) {
			kinds = append(kinds, allFaults[r.Intn(len(allFaults))])
		}
	}
	for range 3 + r.Intn(12) {
		f := fault{
			at: faultsBegin + core.Span(r.Int63n(int64(faultsEnd-faultsBegin)))/core.Millisecond*core.Millisecond, kind: kinds[r.Intn(len(kinds))],
			who: memberNames[r.Intn(3)], last: core.Span(50+r.Intn(500)) * core.Millisecond,
		}
		if r.Intn(2) == 0 {
			f.last = core.Span(1+r.Intn(6000)) * core.Millisecond
		}
		if r.Intn(3) == 0 {
			f.who = "@" + moments[r.Intn(len(moments))]
		}
		if f.whom = memberNames[r.Intn(3)]; f.kind != "cut-peer" {
			f.whom = ""
		}
		faults = append(faults, f)
		if r.Intn(2) == 0 && !strict { // trouble comes in company
			g := f
			g.at += core.Span(r.Intn(800)) * core.Millisecond
			g.kind = kinds[r.Intn(len(kinds))]
			if g.whom = ""; g.kind == "cut-peer" {
				g.kind = "cut"
			}
			faults = append(faults, g)
		}
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return int(a.at - b.at) })
	return faults, strict
}

// ambushes are schedules in which the leadership changes all the time, and several faults at once meet whoever does
// something that matters.
func ambushes(r *rand.Rand) (faults []fault) {
	movers := []string{"kill-pg", "orphan-pg", "switchover", "power", "stop"}
	for at := faultsBegin; at < faultsEnd; at += core.Span(1500+r.Intn(3000)) * core.Millisecond {
		moment := "@" + moments[r.Intn(len(moments))]
		for range 2 + r.Intn(3) {
			f := fault{at: at + core.Span(r.Intn(80))*core.Millisecond, kind: allFaults[r.Intn(len(allFaults))], who: moment, last: core.Span(100+r.Intn(2500)) * core.Millisecond}
			if f.kind != "cut-peer" {
				faults = append(faults, f)
			}
		}
		faults = append(faults, fault{at: at + 100*core.Millisecond, kind: movers[r.Intn(len(movers))], who: "@renew", last: core.Span(100+r.Intn(2000)) * core.Millisecond})
	}
	return faults
}
