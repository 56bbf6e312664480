// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// trap is a fault that waits for the moment at which it hurts: it hits the next host to do something.
type trap struct {
	moment string
	fault  fault
}

var moments = []string{"promote", "promote", "take", "release", "renew", "fence", "stop", "start", "clone", "arm"}

// momentOf names what a host is about to do.
func momentOf(a core.Action) string {
	if a.Kind != core.ActCommit {
		return string(a.Kind)
	}
	switch l := a.Commit.Leader(); {
	case l == nil && a.Commit.Purpose == core.CommitCohort:
		return "cohort"
	case l == nil && a.Commit.Purpose == core.CommitBallot:
		if b, ok := a.Commit.Writes[0].Record.(core.Ballot); ok && b.Withdrawn {
			return "withdraw"
		}
		return "vote"
	case l == nil:
		return ""
	case l.Released:
		return "release"
	case l.Renewal == 1:
		return "take"
	}
	return "renew"
}

// spring sets the traps off that wait for a moment; the time they were due at gives how much later.
func (w *world) spring(h *host, moment string) {
	for i := 0; i < len(w.traps); i++ {
		if w.traps[i].moment != moment {
			continue
		}
		f := w.traps[i].fault
		w.traps = slices.Delete(w.traps, i, i+1)
		i--
		f.who = h.name
		if f.whom == h.name {
			continue
		}
		w.after(f.at%(80*core.Millisecond), func() { w.inflict(f) })
	}
}
