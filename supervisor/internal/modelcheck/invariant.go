// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "fmt"

// check is what has to be true of every world. It returns what is not.
func (m *model) check(w *world) string {
	able := nobody
	if s := m.stores.at(w.store); s.cohort.Value.Epoch != s.epoch.Value.Epoch {
		return fmt.Sprintf("I3: the cohort is of epoch %d, in epoch %d", s.cohort.Value.Epoch, s.epoch.Value.Epoch)
	}
	for i := range m.bounds.Nodes {
		n := m.nodes.at(w.nodes[i])
		if bad := m.keepsBallot(w, n); bad != "" {
			return bad
		}
		if !n.pg.primary {
			continue
		}
		if bad := m.coversKey(w, n); bad != "" {
			return bad
		}
		if m.able(w, n) && !m.ledgers[w.ledger].excused(n.pg.openedIn) {
			if able != nobody {
				return fmt.Sprintf("I1: %s and %s can both acknowledge new commits", names[able], names[i])
			}
			able = i
		}
	}
	return ""
}

// able tells whether a primary can acknowledge what is written now: enough standbys stream from it.
func (m *model) able(w *world, n *node) bool {
	var have nodeSet
	for j := range m.bounds.Nodes {
		if s := &m.nodes.at(w.nodes[j]).pg; s.fed && s.upstream == n.self {
			have = have.with(j)
		}
	}
	return n.pg.releaser().releases(have)
}

// coversKey is I3.
func (m *model) coversKey(w *world, n *node) string {
	s := m.stores.at(w.store)
	e, c := s.epoch.Value.Epoch, s.cohort.Value
	if n.pg.openedIn != e || c.Epoch != e || len(c.Members) == 0 || s.leader.Value.Released {
		return ""
	}
	if v := n.pg.releaser(); !v.covers(c) {
		return fmt.Sprintf("I3: %s may release commits by %s while the cohort is %s", names[n.self], v, cohortTold(c))
	}
	return ""
}

// keepsBallot is I5.
func (m *model) keepsBallot(w *world, n *node) string {
	b, stands := m.stores.at(w.store).standing(n.self)
	switch {
	case !stands:
	case n.pg.fed:
		return fmt.Sprintf("I5: %s receives while its ballot of epoch %d stands", names[n.self], b.Epoch)
	case m.bounds.Disks > 0: // it cannot know; that nothing is lost by it is I2
	case n.pg.wal.timeline() < b.Timeline, n.pg.wal.timeline() == b.Timeline && n.pg.wal.end() < b.LSN:
		return fmt.Sprintf("I5: %s has less than it voted with: %s", names[n.self], n.pg.wal)
	}
	return ""
}
