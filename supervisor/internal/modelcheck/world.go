// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "slices"

// world is the whole cluster at one moment: ids of its parts, and so comparable.
type world struct {
	nodes   [maxNodes]id
	store   id
	history id
	// strays are commits whose senders have given up waiting, and which may still be applied.
	strays id
	ledger id
}

// localOp changes one node, from outside and without a tick.
type localOp uint8

const (
	opFeed localOp = iota
	opAck
	opReceive
	opWrite
	opKill
	opCrash
	opReboot
	opApplied
	opDetach
	opName
	opSettle
	opPromote
	opAdvance
	opStopJob
	opOlderDisk
)

// localKey is all that a local change depends on.
type localKey struct {
	node id
	op   localOp
	a, b int
}

// local changes a node of a world.
func (m *model) local(w *world, i int, op localOp, a, b int) {
	key := localKey{w.nodes[i], op, a, b}
	to, ok := m.locals[key]
	if !ok {
		n := *m.nodes.at(key.node)
		n.change(op, a, b)
		if (op == opCrash || op == opReboot) && m.mutant.Restart != nil {
			m.mutant.Restart(&n.state.Durable)
		}
		to = m.nodes.of(n)
		m.locals[key] = to
	}
	w.nodes[i] = to
}

// update replaces a node of a world.
func (m *model) update(w *world, i int, change func(*node)) {
	n := *m.nodes.at(w.nodes[i])
	change(&n)
	w.nodes[i] = m.nodes.of(n)
}

// note replaces the ledger of a world.
func (m *model) note(w *world, change func(*ledger)) {
	l := m.ledgers[w.ledger]
	change(&l)
	w.ledger = m.ledgerOf(l)
}

// ledgerOf interns a ledger.
func (m *model) ledgerOf(l ledger) id {
	i, ok := m.ledgerIDs[l]
	if !ok {
		i = id(len(m.ledgers))
		m.ledgerIDs[l] = i
		m.ledgers = append(m.ledgers, l)
	}
	return i
}

// stray lets go of a commit that is under way.
func (m *model) stray(w *world, l lane) {
	if !l.busy || l.applied {
		return
	}
	set := append(slices.Clone(*m.strays.at(w.strays)), l.commit)
	slices.Sort(set)
	w.strays = m.strays.of(slices.Compact(set))
}

// bury forgets the strays that can never be applied any more.
func (m *model) bury(w *world) {
	set := *m.strays.at(w.strays)
	s := m.stores.at(w.store)
	dead := func(c id) bool { return !m.holds(s, c) }
	if slices.ContainsFunc(set, dead) {
		w.strays = m.strays.of(slices.DeleteFunc(slices.Clone(set), dead))
	}
}

// settle lets happen what follows at once from how things are: receivers that can stream do, and what may be acknowledged is.
func (m *model) settle(w *world) string {
	m.bury(w)
	for i := range m.bounds.Nodes {
		m.connect(w, i)
	}
	for i := range m.bounds.Nodes {
		if bad := m.acknowledge(w, i); bad != "" {
			return bad
		}
	}
	return m.check(w)
}

// connect brings a standby's receiver in line with whether its upstream can serve it, and its upstream's knowledge of it.
func (m *model) connect(w *world, i int) {
	n := m.nodes.at(w.nodes[i])
	fed, end := false, lsn(0)
	if n.pg.running && !n.pg.primary && n.pg.upstream != nobody {
		up := m.nodes.at(w.nodes[n.pg.upstream])
		fed, end = up.pg.running && up.pg.primary && up.pg.wal.startsLike(n.pg.wal), up.pg.wal.end()
		if fed && up.pg.acks[i] != n.pg.wal.end() {
			m.local(w, n.pg.upstream, opAck, i, int(n.pg.wal.end()))
		}
	}
	if fed != n.pg.fed {
		to := 0
		if fed {
			to = 1
		}
		m.local(w, i, opFeed, to, int(end))
	}
}

// acknowledge acknowledges what a primary may release.
func (m *model) acknowledge(w *world, i int) string {
	pg := &m.nodes.at(w.nodes[i]).pg
	if !pg.primary {
		return ""
	}
	set := released(pg)
	l := &m.ledgers[w.ledger]
	if set&^l.acked[pg.openedIn] == 0 || l.excused(pg.openedIn) {
		return ""
	}
	bad := ""
	m.note(w, func(l *ledger) { bad = l.ack(pg.openedIn, i, set&^l.acked[pg.openedIn]) })
	return bad
}

// released are the commits of its own epoch that a primary may release, by any of its values.
func released(pg *postgres) uint8 {
	var set uint8
	for at := len(pg.wal) - 1; at >= 0 && pg.wal[at]&0x80 == 0; at-- {
		end := pg.wal[:at+1].end()
		var have nodeSet
		for j, ack := range pg.acks {
			if ack >= end {
				have = have.with(j)
			}
		}
		if pg.releaser().releases(have) {
			set |= 1 << (pg.wal[at] - 1)
		}
	}
	return set
}

// change is a local change of a node.
func (n *node) change(op localOp, a, b int) {
	pg := &n.pg
	switch op {
	case opFeed:
		if pg.fed = a != 0; pg.fed {
			pg.told = lsn(b)
		}
	case opAck:
		pg.acks[a] = lsn(b)
	case opReceive:
		pg.wal += wal([]byte{byte(a)})
	case opWrite:
		pg.wal += commit(a)
	case opKill:
		pg.kill()
	case opCrash:
		n.stopJob()
		n.crash()
	case opReboot:
		n.reboot()
	case opDetach:
		pg.upstream, pg.fed = nobody, false
	case opName:
		pg.name(n.job.names)
	case opSettle:
		pg.settle()
	case opPromote:
		j := n.job
		if a != 0 {
			j = pg.late
		}
		pg.promote(n.self, j)
	case opOlderDisk:
		n.reboot()
		pg.wal = pg.wal[:len(pg.wal)-len(pg.wal.tail())]
	case opAdvance:
		n.job.phase++
	case opStopJob:
		j := n.job
		n.stopJob()
		n.job = j
	case opApplied:
		n.lanes[a].applied, n.lanes[a].rev = true, revision(b)
	}
}
