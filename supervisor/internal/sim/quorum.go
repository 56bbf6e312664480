// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Durability of a world.
const (
	Async  = "async"
	Quorum = "quorum"
	// Rollback is Quorum on disks that are put back to older ones.
	Rollback = "rollback"
)

// makeQuorum draws what differs between worlds with quorum durability: how many members, how many of them acknowledge and at
// least must, whether there is an archive.
func (w *world) makeQuorum() (members []string, adapt func(*core.Policy)) {
	w.quorum = true
	w.archived = w.chance(0.3)
	members = slices.Clone(memberNames)
	if w.chance(0.2) {
		members = append(members, "d")
	}
	k := 1
	if w.chance(0.25) {
		k = 2
	}
	least := w.rng.Intn(k + 1)
	suspect := w.span(500*core.Millisecond, core.Second)
	w.say("%d members, %d to acknowledge, at least %d, archive %t", len(members), k, least, w.archived)
	return members, func(p *core.Policy) {
		p.Quorum, p.SyncStandbys, p.MinSync, p.SuspectAfter = true, k, least, suspect
	}
}

// quorumLasting are lasting faults that only quorum worlds know.
var quorumLasting = []string{"slow-net", "lossy", "slow-reread", "replay-lag"}

var quorumFaults = slices.Concat(allFaults, quorumLasting, []string{"mute", "mute", "pause-host", "pause-host", "kill-pg", "power"})

// moversOfQuorum make the cluster elect.
var moversOfQuorum = []string{"kill-pg", "orphan-pg", "switchover", "power", "stop", "pause-host", "cut", "mute", "cut-peer"}

var quorumMoments = slices.Concat(moments, []string{"detach", "vote", "withdraw", "cohort", "promise", "apply", "follow"})

// quorumSchedule draws the faults of a seed for a world with quorum durability.
func quorumSchedule(seed int64, durability string) (faults []fault) {
	r := rand.New(rand.NewSource(seed ^ 0x90_5eed))
	kinds := quorumFaults
	if durability == Rollback {
		kinds = slices.Concat(kinds, slices.Repeat([]string{"rollback"}, len(kinds)/4))
	}
	if seed%4 == 3 {
		return relay(r)
	}
	if seed%4 == 0 { // a few kinds that meet often
		all := kinds
		kinds = nil
		for range 3 + r.Intn(3) {
			kinds = append(kinds, all[r.Intn(len(all))])
		}
	}
	draw := func(at core.Span, kind string) fault {
		f := fault{at: at, kind: kind, who: memberNames[r.Intn(3)], last: core.Span(50+r.Intn(700)) * core.Millisecond}
		if r.Intn(3) == 0 {
			f.last = core.Span(1+r.Intn(6000)) * core.Millisecond
		}
		if r.Intn(2) == 0 {
			f.who = "@" + quorumMoments[r.Intn(len(quorumMoments))]
		}
		if kind == "cut-peer" || kind == "mute" {
			f.whom = memberNames[r.Intn(3)]
		}
		return f
	}
	if seed%4 == 1 { // elections all the time, and faults that meet whoever does something that matters
		for at := faultsBegin; at < faultsEnd; at += core.Span(1500+r.Intn(3000)) * core.Millisecond {
			for range 1 + r.Intn(3) {
				f := draw(at+core.Span(r.Intn(80))*core.Millisecond, kinds[r.Intn(len(kinds))])
				f.who = "@" + quorumMoments[r.Intn(len(quorumMoments))]
				faults = append(faults, f)
			}
			f := draw(at+100*core.Millisecond, moversOfQuorum[r.Intn(len(moversOfQuorum))])
			f.who = "@renew"
			faults = append(faults, f)
		}
		return faults
	}
	for range 3 + r.Intn(12) {
		at := faultsBegin + core.Span(r.Int63n(int64(faultsEnd-faultsBegin)))/core.Millisecond*core.Millisecond
		faults = append(faults, draw(at, kinds[r.Intn(len(kinds))]))
		if r.Intn(2) == 0 { // trouble comes in company
			at += core.Span(r.Intn(800)) * core.Millisecond
			faults = append(faults, draw(at, kinds[r.Intn(len(kinds))]))
		}
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return int(a.at - b.at) })
	return faults
}

// relay is a schedule in which one leader after another goes before the others have got back to where they were.
func relay(r *rand.Rand) (faults []fault) {
	pick := func(from ...string) string { return from[r.Intn(len(from))] }
	for at := faultsBegin; at < faultsEnd; at += core.Span(200+r.Intn(1800)) * core.Millisecond {
		f := fault{at: at + core.Span(r.Intn(80))*core.Millisecond, who: pick(memberNames...), last: core.Span(300+r.Intn(6000)) * core.Millisecond}
		switch r.Intn(4) {
		case 0:
			f.kind = pick("lag", "lag", "slow-net", "replay-lag", "slow-reread", "flaky")
		case 1:
			f.kind = pick("stop", "power", "cut", "pause-host", "kill-pg")
		default:
			f.kind = pick("kill-pg", "power", "pause-host", "cut", "orphan-pg", "switchover", "crash")
			f.who = "@" + pick("renew", "renew", "cohort", "apply", "promote", "vote", "take", "start", "rewind")
		}
		faults = append(faults, f)
	}
	return faults
}

// whole tells whether the cohort is all that the policy asks for.
func (w *world) whole() bool {
	c := w.store.view.Cohort.Value
	return !w.quorum || len(c.Members) == len(w.hosts) && c.K == min(w.hosts[0].policy.SyncStandbys, len(w.hosts)-1)
}
