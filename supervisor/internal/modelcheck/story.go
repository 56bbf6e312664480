// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// tell is the way from the start to a world and one event further, a line each.
func (s *search) tell(start world, to int32, last event) string {
	events := []event{last}
	for at := to; s.parent[at] >= 0; at = s.parent[at] {
		events = append(events, unpack(s.by[at]))
	}
	slices.Reverse(events)
	var out strings.Builder
	w := start
	for i, e := range events {
		text := s.describe(&w, e)
		rules, _ := s.happen(&w, e)
		fmt.Fprintf(&out, "%3d  %s", i+1, text)
		if len(rules) > 0 {
			fmt.Fprintf(&out, "  → %s", strings.Join(rules, ", "))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// describe says what an event is.
func (m *model) describe(w *world, e event) string {
	n := m.nodes.at(w.nodes[e.node])
	name := names[e.node]
	travelling := func() string { return told(*m.commits.at(n.lanes[e.arg].commit)) }
	switch e.kind {
	case evApply:
		return fmt.Sprintf("the store applies %s of %s", travelling(), name)
	case evAnswer:
		return fmt.Sprintf("%s learns that %s was applied", name, travelling())
	case evConflict:
		return fmt.Sprintf("%s learns that %s was refused", name, travelling())
	case evLostAnswer:
		return fmt.Sprintf("%s gives up waiting for an answer about %s", name, travelling())
	case evStray:
		return fmt.Sprintf("the store applies %s, given up by its sender", told(*m.commits.at(id(e.arg))))
	case evJobDone:
		return fmt.Sprintf("%s: %s ends", name, n.job.kind)
	case evJobStep:
		return fmt.Sprintf("%s: %s takes effect", name, n.job.kind)
	case evJobLost:
		return fmt.Sprintf("%s gives up %s", name, n.job.kind)
	case evView:
		return fmt.Sprintf("%s sees the store: %s", name, m.stores.at(w.store))
	case evReceive:
		return fmt.Sprintf("%s receives a record from %s", name, names[n.pg.upstream])
	case evMisses:
		return fmt.Sprintf("%s has not seen %s for long", name, names[e.arg])
	}
	return fmt.Sprintf(plainly[e.kind], name)
}

// plainly are the sentences that need only a name.
var plainly = map[eventKind]string{
	evTick: "%s looks again", evWrite: "%s: a client commits", evQuiet: "%s hears nothing for long", evHears: "%s hears the others again",
	evMeets: "%s sees all others again", evRenewal: "%s: a renewal is due", evDeadline: "%s: its deadline passes",
	evLate: "%s: the promotion that was given up takes effect", evKill: "%s: PostgreSQL is killed",
	evCrash: "%s: the supervisor is killed and started again", evReboot: "%s: the host is reset",
	evOlderDisk: "%s: the host is reset and comes back with an older disk",
}

// told is a commit in a few words.
func told(c core.Commit) string {
	var out []string
	for _, w := range c.Writes {
		switch r := w.Record.(type) {
		case core.EpochRecord:
			out = append(out, fmt.Sprintf("epoch %d", r.Epoch))
		case core.Leader:
			switch {
			case r.Released:
				out = append(out, fmt.Sprintf("release by %s at %d/%d", r.Holder, r.Timeline, r.LSN))
			case r.Renewal == 1:
				out = append(out, "take-over by "+r.Holder)
			default:
				out = append(out, "renewal")
			}
		case core.Cohort:
			out = append(out, "cohort "+cohortTold(r))
		case core.Ballot:
			out = append(out, ballotTold(r))
		default:
			out = append(out, w.Key)
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func cohortTold(c core.Cohort) string { return fmt.Sprintf("%s/%d", strings.Join(c.Members, ""), c.K) }

func ballotTold(b core.Ballot) string {
	if b.Withdrawn {
		return fmt.Sprintf("ballot of %s withdrawn", b.Name)
	}
	return fmt.Sprintf("ballot of %s in epoch %d at %d/%d", b.Name, b.Epoch, b.Timeline, b.LSN)
}

// String is the store in a few words.
func (s *store) String() string {
	out := []string{fmt.Sprintf("epoch %d of %s", s.epoch.Value.Epoch, s.leader.Value.Holder), "cohort " + cohortTold(s.cohort.Value)}
	if s.leader.Value.Released {
		out[0] += " released"
	}
	for _, b := range s.ballots {
		if b.Exists() && b.Value.Epoch == s.epoch.Value.Epoch {
			out = append(out, ballotTold(b.Value))
		}
	}
	return strings.Join(out, ", ")
}
