// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

func lsn(i int) core.LSN           { return core.LSN(i) }
func revision(i int) core.Revision { return core.Revision(i) }

// event is one thing that happens.
type event struct {
	kind      eventKind
	node, arg int
}

type eventKind uint8

const (
	// What happens in a cluster that is well, in the order in which it is well soonest.
	evApply eventKind = iota // the store applies the commit in the node's lane arg
	evAnswer
	evJobDone
	evView
	evReceive
	evTick
	// Steps in between, and what goes wrong.
	evJobStep
	evConflict
	evWrite
	evQuiet
	evHears
	evMisses
	evMeets
	evRenewal
	evDeadline
	evLostAnswer
	evStray
	evJobLost
	evLate
	evKill
	evCrash
	evReboot
	evOlderDisk
)

// healthy are the events of a cluster in which nothing goes wrong.
func (e event) healthy() bool { return e.kind <= evTick }

// pack makes a number of an event.
func (e event) pack() uint32 { return uint32(e.kind)<<24 | uint32(e.node)<<20 | uint32(e.arg) }

func unpack(x uint32) event {
	return event{kind: eventKind(x >> 24), node: int(x >> 20 & 15), arg: int(x & 0xfffff)}
}

// enabled calls yield with every event that may happen.
func (m *model) enabled(w *world, yield func(event)) {
	for _, c := range *m.strays.at(w.strays) {
		if m.mayApply(w, c) {
			yield(event{kind: evStray, arg: int(c)})
		}
	}
	l := &m.ledgers[w.ledger]
	for i := range m.bounds.Nodes {
		n := m.nodes.at(w.nodes[i])
		m.ofStore(w, i, n, l, yield)
		m.ofJob(w, i, n, l, yield)
		m.ofWAL(w, i, n, l, yield)
		m.ofTime(i, n, l, yield)
		if int(l.crashes) < m.bounds.Crashes {
			m.ofCrash(i, n, yield)
		}
	}
}

// ofStore: commits, answers and pictures.
func (m *model) ofStore(w *world, i int, n *node, l *ledger, yield func(event)) {
	for j, x := range n.lanes {
		switch {
		case !x.busy:
		case x.applied:
			yield(event{evAnswer, i, j})
		case !m.holds(m.stores.at(w.store), x.commit):
			yield(event{evConflict, i, j})
		case m.mayApply(w, x.commit):
			yield(event{evApply, i, j})
		}
		if x.busy && int(l.lost) < m.bounds.Lost {
			yield(event{evLostAnswer, i, j})
		}
	}
	if !n.seen || n.view != w.store {
		yield(event{evView, i, 0})
	}
	yield(event{evTick, i, 0})
}

// mayApply: the bounds leave room for a commit.
func (m *model) mayApply(w *world, of id) bool {
	c := m.commits.at(of)
	for _, x := range c.Writes {
		switch r := x.Record.(type) {
		case core.EpochRecord:
			return r.Epoch <= m.bounds.Epochs
		case core.Ballot:
			return int(m.ledgers[w.ledger].votes) < m.bounds.Votes
		}
	}
	return true
}

// ofJob: what becomes of calls of the plugin.
func (m *model) ofJob(w *world, i int, n *node, l *ledger, yield func(event)) {
	if n.pg.late.kind != "" {
		yield(event{evLate, i, 0})
	}
	j := n.job
	if j.kind == "" || (j.kind == core.ActClone || j.kind == core.ActRewind) && int(l.repairs) >= m.bounds.Repairs {
		return
	}
	yield(event{evJobDone, i, 0})
	if j.phase < j.phases() && (j.kind == core.ActApply || j.kind == core.ActPromote) {
		yield(event{evJobStep, i, 0})
	}
	if int(l.lost) < m.bounds.Lost {
		yield(event{evJobLost, i, 0})
	}
}

// ofWAL: writes and replication.
func (m *model) ofWAL(w *world, i int, n *node, l *ledger, yield func(event)) {
	if n.pg.primary && int(l.commits) < m.bounds.Commits {
		yield(event{evWrite, i, 0})
	}
	if n.pg.fed && len(m.nodes.at(w.nodes[n.pg.upstream]).pg.wal) > len(n.pg.wal) {
		yield(event{evReceive, i, 0})
	}
}

// ofTime: what clocks and silence bring.
func (m *model) ofTime(i int, n *node, l *ledger, yield func(event)) {
	stale := slices.ContainsFunc(n.state.Members, func(x core.MemberSeen) bool { return x.At == past && x.Name != names[i] })
	if !n.leads() {
		if int(l.suspicions) < m.bounds.Suspicions && !n.quiet {
			yield(event{evQuiet, i, 0})
		}
		if int(l.returns) < m.bounds.Returns && n.quiet {
			yield(event{evHears, i, 0})
		}
		return
	}
	for j, x := range n.state.Members {
		if x.Name != names[i] && x.At != past && int(l.absences) < m.bounds.Absences {
			yield(event{evMisses, i, indexOf(n.state.Members[j].Name)})
		}
	}
	if stale {
		yield(event{evMeets, i, 0})
	}
	if n.state.Hold.RenewedAt == fresh && int(l.renewals) < m.bounds.Renewals {
		yield(event{evRenewal, i, 0})
	}
	if n.state.Hold.Deadline == later && int(l.deadlines) < m.bounds.Deadlines {
		yield(event{evDeadline, i, 0})
	}
}

// ofCrash: ends of processes.
func (m *model) ofCrash(i int, n *node, yield func(event)) {
	if n.pg.running {
		yield(event{evKill, i, 0})
	}
	yield(event{evCrash, i, 0})
	yield(event{evReboot, i, 0})
	if m.bounds.Disks > 0 {
		yield(event{evOlderDisk, i, 0})
	}
}

// happen lets an event happen. It tells by which rules the node ticked, and what was broken.
func (m *model) happen(w *world, e event) (rules []string, bad string) {
	rules, bad = m.occur(w, e)
	if bad == "" {
		bad = m.settle(w)
	}
	return rules, bad
}

func (m *model) occur(w *world, e event) (rules []string, bad string) {
	i := e.node
	n := m.nodes.at(w.nodes[i])
	tick := func(k inputKind) []string { return m.step(w, i, input{kind: k, arg: e.arg}) }
	switch e.kind {
	case evApply:
		bad = m.apply(w, n.lanes[e.arg].commit)
		m.local(w, i, opApplied, e.arg, int(m.stores.at(w.store).rev))
	case evStray:
		bad = m.apply(w, id(e.arg))
	case evAnswer:
		rules = m.step(w, i, input{kind: inDone, arg: e.arg, view: w.store})
	case evConflict:
		rules = tick(inConflict)
	case evLostAnswer:
		m.note(w, func(l *ledger) { l.lost++ })
		m.stray(w, n.lanes[e.arg])
		rules = tick(inUnknown)
	case evView:
		rules = m.step(w, i, input{kind: inView, view: w.store})
	case evTick:
		rules = tick(inNothing)
	case evQuiet:
		m.note(w, func(l *ledger) { l.suspicions++ })
		rules = tick(inQuiet)
	case evHears:
		m.note(w, func(l *ledger) { l.returns++ })
		rules = tick(inHears)
	case evMisses:
		m.note(w, func(l *ledger) { l.absences++ })
		rules = tick(inMisses)
	case evMeets:
		rules = tick(inMeets)
	case evRenewal:
		m.note(w, func(l *ledger) { l.renewals++ })
		rules = tick(inRenewalDue)
	case evDeadline:
		m.note(w, func(l *ledger) { l.deadlines++ })
		rules = tick(inDeadline)
	case evWrite:
		m.local(w, i, opWrite, int(m.ledgers[w.ledger].commits), 0)
		m.note(w, func(l *ledger) { l.commits++ })
	case evReceive:
		m.local(w, i, opReceive, int(m.nodes.at(w.nodes[n.pg.upstream]).pg.wal[len(n.pg.wal)]), 0)
		rules = tick(inNothing)
	default:
		return m.disturb(w, e)
	}
	return rules, bad
}

// disturb lets jobs end, and processes.
func (m *model) disturb(w *world, e event) (rules []string, bad string) {
	i := e.node
	n := m.nodes.at(w.nodes[i])
	switch e.kind {
	case evJobDone:
		if n.job.kind == core.ActClone || n.job.kind == core.ActRewind {
			m.note(w, func(l *ledger) { l.repairs++ })
		}
		in, bad := m.finish(w, i)
		if bad != "" {
			return nil, bad
		}
		return m.step(w, i, input{kind: in}), ""
	case evJobStep:
		var ok bool
		if ok, bad = m.effect(w, i, n.job); ok {
			m.advance(w, i)
		}
	case evJobLost:
		m.note(w, func(l *ledger) { l.lost++ })
		m.local(w, i, opStopJob, 0, 0)
		rules = m.step(w, i, input{kind: inJobUnknown})
	case evLate:
		_, bad = m.effect(w, i, n.pg.late)
	case evKill:
		m.note(w, func(l *ledger) { l.crashes++ })
		m.local(w, i, opKill, 0, 0)
	case evCrash, evReboot, evOlderDisk:
		m.note(w, func(l *ledger) { l.crashes++ })
		for _, x := range n.lanes {
			m.stray(w, x)
		}
		ends := map[eventKind]localOp{evCrash: opCrash, evReboot: opReboot, evOlderDisk: opOlderDisk}
		m.local(w, i, ends[e.kind], 0, 0)
	default:
		panic("event")
	}
	return rules, bad
}

// apply is the store applying a commit whose compares hold.
func (m *model) apply(w *world, of id) string {
	c := m.commits.at(of)
	old := m.stores.at(w.store)
	for _, x := range c.Writes {
		switch r := x.Record.(type) {
		case core.EpochRecord:
			if r.Epoch != old.epoch.Value.Epoch+1 {
				return "I4: an epoch was left out or began twice"
			}
			if op := old.operation.Value; op.State == core.Pending && op.Force && op.To == c.Leader().Holder {
				m.note(w, func(l *ledger) { l.lossy = r.Epoch })
			}
		case core.Ballot:
			m.note(w, func(l *ledger) { l.votes++ })
		}
	}
	w.store = m.stores.of(old.applied(c.Writes))
	return ""
}
