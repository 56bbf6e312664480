// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure the judge would notice: every world in which one thing is broken goes wrong within a number of seeds. Not in the
// list, because the layers above and below hold without it: a fence that kills nothing (the deadman does), a reboot
// that keeps its token (no epoch is opened twice).
func TestMutants(t *testing.T) {
	for _, c := range []struct {
		name  string
		m     mutant
		drill string // played instead of schedules
	}{
		{"take-overs and renewals do not compare epoch and leader", mutant{ignored: []string{core.KeyEpoch, core.KeyLeader}}, ""},
		{"writes do not compare the leader", mutant{ignored: []string{core.KeyLeader}}, ""},
		{"deadlines count from the answer", mutant{fromAnswer: true}, "late_answers"},
		{"no deadman", mutant{noDeadman: true}, ""},
		{"a dead postmaster counts as nothing left", mutant{orphansUnseen: true}, ""},
		{"reserved timelines ignored", mutant{ownTimelines: true}, ""},
		{"old reports count as new", mutant{staleReports: true}, ""},
		{"clocks differ by a fifth", mutant{wildClocks: true}, ""},
		{"the end of WAL is told too early", mutant{shortEnd: true}, ""},
		{"promotions are forgotten with the process", mutant{forgetful: true}, ""},
		{"the promoted postmaster is forgotten with the process", mutant{forgetsPID: true}, "restart_while_opening"},
		{"a leadership given up is used on", mutant{takesBack: true}, "release_in_flight"},
		{"WAL of another history counts", mutant{anyWAL: true}, ""},
		{"half a TTL is enough to take over", mutant{hasty: true}, ""},
		{"a shorter TTL is said before it is counted by", mutant{blurts: true}, "shorter_ttl_frozen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustNotice(t, c.m, Async, "drills", c.drill)
		})
	}
}

// mustNotice plays schedules, or the drill when one is named, in a broken world until the judge has something to say.
func mustNotice(t *testing.T, m mutant, durability, folder, name string) {
	t.Helper()
	plots := plotsOf(durability)
	if name != "" {
		faults := drill(t, folder, name)
		plots = func(seed int64) plot { return plot{seed: seed, faults: faults, durability: durability} }
	}
	failed := searchPlots(m, plots, 1, *mutantSeeds, 1, nil)
	if len(failed) == 0 {
		t.Fatalf("%d schedules and nothing noticed", *mutantSeeds)
	}
	t.Logf("seed %d: %v", failed[0].seed, failed[0].play(m, false).judge.wrong)
}
