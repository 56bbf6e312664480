// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// phases is in how many steps a job takes effect.
func (j job) phases() int {
	if j.kind == core.ActApply && j.settles {
		return 2
	}
	return 1
}

// stopJob gives a job up. A promotion may still come about.
func (n *node) stopJob() {
	if n.job.kind == core.ActPromote && n.job.phase == 0 && n.pg.running && !n.pg.primary {
		n.pg.late = n.job
	}
	n.job = job{}
}

// effect is the next step of a job, or the late one of a promotion. It tells whether it could be done, and what it broke.
func (m *model) effect(w *world, i int, j job) (ok bool, bad string) {
	n := m.nodes.at(w.nodes[i])
	switch j.kind {
	case core.ActDetach:
		m.local(w, i, opDetach, 0, 0)
	case core.ActApply:
		if !n.pg.running {
			return false, ""
		}
		if j.phase == 0 {
			m.local(w, i, opName, 0, 0)
		} else {
			m.local(w, i, opSettle, 0, 0)
		}
	case core.ActPromote:
		if !n.pg.running || n.pg.primary {
			return n.pg.primary, ""
		}
		bad = m.open(w, i, j)
	case core.ActClone, core.ActRewind:
		return m.replace(w, i, j), ""
	default:
		panic("job " + j.kind)
	}
	return true, bad
}

// open promotes a node.
func (m *model) open(w *world, i int, j job) (bad string) {
	had := m.nodes.at(w.nodes[i]).pg.wal
	late := 0
	if j == m.nodes.at(w.nodes[i]).pg.late {
		late = 1
	}
	m.local(w, i, opPromote, late, 0)
	tl := m.nodes.at(w.nodes[i]).pg.wal.timeline()
	m.note(w, func(l *ledger) { bad = l.open(j.epoch, i, had, tl) })
	return bad
}

// replace gives a node other data: a copy of the source's, or its own up to where they part.
func (m *model) replace(w *world, i int, j job) bool {
	if j.peer == nobody {
		return false
	}
	from := m.nodes.at(w.nodes[j.peer]).pg
	if !from.running || j.kind == core.ActRewind && !from.primary {
		return false
	}
	m.update(w, i, func(n *node) {
		n.pg.kill()
		n.pg.wasOpen, n.pg.upstream = false, nobody
		if j.kind == core.ActClone {
			n.pg.wal, n.pg.names = from.wal, from.names
		} else {
			n.pg.wal = rewound(n.pg.wal, from.wal)
		}
	})
	return true
}

// rewound is what a rewinding leaves: all if nothing parted, else the WAL up to the last checkpoint before the fork.
func rewound(w, source wal) wal {
	if source.startsLike(w) {
		return w
	}
	w = fork(w, source)
	return w[:len(w)-len(w.tail())]
}

// advance marks a step of the job as done.
func (m *model) advance(w *world, i int) {
	m.local(w, i, opAdvance, 0, 0)
}

// finish does what is left of a job.
func (m *model) finish(w *world, i int) (in inputKind, bad string) {
	for {
		j := m.nodes.at(w.nodes[i]).job
		if j.phase >= j.phases() {
			return inJobDone, ""
		}
		ok, bad := m.effect(w, i, j)
		if bad != "" {
			return inJobDone, bad
		}
		if !ok {
			return inJobRefused, ""
		}
		m.advance(w, i)
	}
}
