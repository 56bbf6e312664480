// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// birth is a world in which A's PostgreSQL is a primary and the others are copies of it, and no supervisor has run yet.
func (m *model) birth() world {
	w := world{store: m.stores.of(store{}), history: m.history.of(nil), strays: m.strays.of(nil), ledger: m.ledgerOf(ledger{})}
	none := m.members.of(core.Member{})
	for i := range m.bounds.Nodes {
		n := node{self: i, published: none}
		n.pg = postgres{running: true, primary: i == 0, pid: 1, wal: opening(1, 0), upstream: nobody}
		n.state.SystemID, n.state.WalEpoch = systemID, 1
		if i == 0 {
			n.pg.openedIn = 1
		}
		w.nodes[i] = m.nodes.of(n)
	}
	m.note(&w, func(l *ledger) { l.opened[0] = opened{epoch: 1} })
	return w
}

// steady is a world in which A leads and all is well, made by the real core from birth.
func (m *model) steady() world {
	w := m.birth()
	m.calm(&w)
	for i := range m.bounds.Nodes {
		m.update(&w, i, func(n *node) {
			if n.state.Awake != 0 {
				n.state.Awake = past
			}
		})
	}
	m.calm(&w)
	return w
}

// calm lets everything happen that happens in a cluster that is well, until nothing does.
func (m *model) calm(w *world) {
	for moved := true; moved; {
		moved = false
		m.enabled(w, func(e event) {
			if moved || !e.healthy() && e.kind != evConflict {
				return
			}
			after := *w
			if _, bad := m.happen(&after, e); bad != "" {
				panic(bad)
			}
			if after != *w {
				*w, moved = after, true
			}
		})
	}
}
