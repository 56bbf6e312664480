// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// mutants are cores with one thing wrong, and where the search finds it. Broken is the invariant that must be broken; with
// none, another layer covers for it, which the comment names.
func mutants() []struct {
	name   string
	mutant Mutant
	start  func(*model) world
	bounds Bounds
	broken string
} {
	elect := Bounds{Nodes: 3, K: 1, Epochs: 2, Commits: 1, Votes: 2, Suspicions: 2}
	with := func(change func(*Bounds)) Bounds { x := elect; change(&x); return x }
	epochOf := func(key string) bool { return key == core.KeyEpoch }
	return []struct {
		name   string
		mutant Mutant
		start  func(*model) world
		bounds Bounds
		broken string
	}{
		// The eight of the theory.
		{"the vote is read before the receiver has stopped", votesEarly(), (*model).steady, elect, "I5"},
		{"votes without a fence", votesUnfenced(), (*model).steady, elect, "I5"},
		{"the vote is forgotten over a restart", forgetsVote(), (*model).steady, with(func(b *Bounds) { b.Crashes = 1 }), "I5"},
		{"one recruit too few", miscounts(), (*model).steady, elect, "I"},
		{"two recruits of four members", miscounts(), (*model).steady, with(func(b *Bounds) { b.Nodes = 4 }), "I"},
		{"timelines are ignored", ignoresTimelines(), oldTail, with(func(b *Bounds) { b.Epochs, b.Commits, b.Suspicions = 3, 3, 1 }), "I2"},
		{"votes before it has caught up", forgetsLoss(), rewinding, with(func(b *Bounds) { b.Epochs, b.Commits, b.Repairs = 3, 2, 1 }), "I2"},
		{"PostgreSQL is laxer before the record is stricter", laxerFirst(), (*model).steady, with(func(b *Bounds) { b.Epochs, b.Absences, b.K = 1, 1, 2 }), "I3"},
		{"the record is laxer before PostgreSQL is stricter", recordFirst(), (*model).steady, with(func(b *Bounds) { b.Epochs, b.Absences = 1, 1 }), "I3"},
		// Ours.
		{"a take-over does not compare the cohort", Mutant{Decided: uncompared(core.CommitLeader, func(k string) bool { return k == core.KeyCohort })}, withoutC,
			with(func(b *Bounds) { b.Votes, b.Suspicions = 1, 0 }), "I"},
		{"a take-over does not compare the ballots", Mutant{Decided: uncompared(core.CommitLeader, func(k string) bool { return strings.HasPrefix(k, core.KeyBallots) })}, (*model).steady,
			with(func(b *Bounds) { b.Votes, b.Returns = 3, 1 }), "I"},
		// The take-over writes the cohort, too: its revision alone keeps a deposed leader from changing it.
		{"a change of the cohort does not compare the epoch", Mutant{Decided: uncompared(core.CommitCohort, epochOf)}, shrinking,
			with(func(b *Bounds) { b.Votes, b.Suspicions, b.Commits = 1, 1, 0 }), ""},
		{"a change of the cohort compares nothing", Mutant{Decided: uncompared(core.CommitCohort, func(string) bool { return true })}, shrinking,
			with(func(b *Bounds) { b.Votes, b.Suspicions, b.Commits = 1, 1, 0 }), "I"},
		{"the cohort shrinks without a barrier", noBarrier(), (*model).steady, with(func(b *Bounds) { b.Absences, b.Suspicions, b.Votes = 1, 1, 1 }), "I2"},
		{"the barrier is read before the old processes are gone", earlyBarrier(), (*model).steady, with(func(b *Bounds) { b.Epochs, b.Absences, b.Suspicions = 1, 1, 0 }), "I3"},
		{"a withdrawn ballot is removed", Mutant{Forgets: true}, (*model).steady, with(func(b *Bounds) { b.Lost, b.Returns, b.Suspicions = 1, 1, 1 }), "I5"},
		{"follows before the withdrawal stands", followsEarly(), (*model).steady, with(func(b *Bounds) { b.Returns, b.Suspicions = 1, 1 }), "I5"},
		{"opens before it knows whom to wait for", opensFirst(), (*model).steady, elect, "I3"},
		{"an older disk votes", forgetsAge(), olderDisk, with(func(b *Bounds) { b.Disks, b.Suspicions = 1, 3 }), "I2"},
		{"a failover is taken for a forced one", forces(), asked(core.Operation{Kind: core.Failover, To: "B"}), elect, "I"},
		{"a cohort under way is forgotten", forgetsSent(), (*model).steady, with(func(b *Bounds) { b.Epochs, b.Absences, b.Suspicions = 1, 1, 0 }), "I3"},
		{"a restarted leader takes no knowledge for no cohort", restartsBlind(), (*model).steady, with(func(b *Bounds) { b.Epochs, b.Crashes, b.Suspicions = 1, 1, 0 }), "I3"},
	}
}

// TestMutants finds what is wrong with each mutant.
func TestMutants(t *testing.T) {
	for _, x := range mutants() {
		if !strings.Contains(x.name, *only) {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.bounds.States = *states
			r := scope{x.name, x.start, x.bounds}.search(t, x.mutant)
			t.Logf("%s\n%s", r.Broken, r.Story)
			if x.broken == "" && r.Broken != "" || !strings.HasPrefix(r.Broken, x.broken) {
				t.Errorf("broken: %q, want %q", r.Broken, x.broken)
			}
		})
	}
}
