// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"testing"
)

// Ensure nothing that relies on the stored state goes out while it cannot be stored, and everything else does; a sign of life only
// when it does not count a beat that was not stored.
func TestWithheld(t *testing.T) {
	commit := func(p CommitPurpose) Action { return Action{Kind: ActCommit, Commit: &Commit{Purpose: p}} }
	plan := Plan{
		{Kind: ActFence}, {Kind: ActPromote}, commit(CommitLeader), commit(CommitBallot), commit(CommitCohort), {Kind: ActPromise},
		{Kind: ActApply}, {Kind: ActRewind}, {Kind: ActClone}, commit(CommitMember), {Kind: ActDetach},
	}
	for unstored, want := range map[bool]Plan{
		false: {{Kind: ActFence}, commit(CommitLeader), {Kind: ActDetach}},
		true:  {{Kind: ActFence}, commit(CommitLeader), commit(CommitMember), {Kind: ActDetach}},
	} {
		got := Withheld(plan, Observation{Unstored: unstored})
		if !slices.Equal(got.Kinds(), want.Kinds()) || len(plan) != 11 {
			t.Errorf("unstored before %t: %v, want %v", unstored, got.Kinds(), want.Kinds())
		}
	}
}
