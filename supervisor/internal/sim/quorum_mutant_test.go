// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure the judge would notice what quorum durability rests on: every world in which one thing of it is broken goes wrong within a
// number of seeds. Not in the list, because the layers above and below hold without it: a take-over that does not compare the
// epoch (its cohort is compared), votes forgotten with the process (the DCS tells of them), a rewind that is forgotten (a
// member that was rewound lets nobody in before it is past what its source had).
func TestQuorumMutants(t *testing.T) {
	for _, c := range []struct {
		name  string
		m     mutant
		drill string // played instead of schedules
	}{
		{"synchronous_standby_names taken for in force at once", mutant{settlesBlindly: true}, ""},
		{"receivers not looked for", mutant{detachesBlindly: true}, ""},
		{"no barrier", mutant{noBarrier: true}, "barrier"},
		{"promises forgotten", mutant{forgetsPromise: true}, ""},
		{"promises taken for longer", mutant{longPromises: true}, ""},
		{"one ballot too few", mutant{oneTooFew: true}, ""},
		{"ballots not compared", mutant{ignored: []string{core.KeyBallots}}, ""},
		{"epoch and cohort not compared", mutant{ignored: []string{core.KeyEpoch, core.KeyCohort}}, ""},
		{"cohort not compared", mutant{ignored: []string{core.KeyCohort}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustNotice(t, c.m, Quorum, "quorum", c.drill)
		})
	}
}
