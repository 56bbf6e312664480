// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"
	"strings"
)

// arrived is what a node heard of the others.
type arrived struct {
	heard map[string]Heard
	probe Probe
}

// makeQuorum gives every node quorum durability with one synchronous standby, or another number.
func (w *world) makeQuorum(k, least int) {
	for _, n := range w.nodes {
		n.policy.Quorum, n.policy.SyncStandbys, n.policy.MinSync, n.policy.SuspectAfter = true, k, least, 800*Millisecond
	}
}

// speak lets every supervisor be heard by those it reaches, and asks the PostgreSQL it wants to know of.
func (w *world) speak() {
	for _, n := range w.nodes {
		if !n.up || n.frozen {
			continue
		}
		n.probe(w)
		b, ok := BeatOf(n.state, n.o, n.policy)
		if !ok {
			continue
		}
		b.SentAt = w.now
		for _, m := range w.nodes {
			if m != n && w.linked(n, m) && (w.now/Instant(step))%20 == 0 {
				h := m.ears.of(n.name)
				if h.Beat.Ask != b.Ask || h.Beat.Open != b.Open || h.Beat.Epoch != b.Epoch || b.Ask > 0 {
					m.wake = w.now
				}
				h.At, h.Beat = w.now, b
				m.ears.heard[n.name] = h
			}
		}
	}
}

func (a *arrived) of(name string) Heard {
	if a.heard == nil {
		a.heard = map[string]Heard{}
	}
	h := a.heard[name]
	h.Name = name
	return h
}

// all are the supervisors heard, by name.
func (a *arrived) all() []Heard {
	var out []Heard
	for _, h := range a.heard {
		out = append(out, h)
	}
	slices.SortFunc(out, func(x, y Heard) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// probe asks the PostgreSQL that the core wants to know of.
func (n *node) probe(w *world) {
	who := ProbeOf(n.state, n.o, n.policy)
	if who == nil {
		n.ears.probe = Probe{}
		return
	}
	if n.ears.probe.Name != who.Name {
		n.ears.probe = Probe{Name: who.Name, Since: w.now}
	}
	if m := w.node(who.Name); w.linked(n, m) && m.pg.running {
		n.ears.probe.AnsweredAt = w.now
	}
}

func (w *world) linked(a, b *node) bool {
	return a.up && b.up && !a.cut && !b.cut && a.apart != b.name && b.apart != a.name
}

// promise brings a promise to the leader it is for.
func (w *world) promise(n *node, p *Promise) {
	if m := w.node(p.To); w.linked(n, m) {
		h := m.ears.of(n.name)
		h.Promise = *p
		m.ears.heard[n.name] = h
		m.wake = w.now
	}
}

// acknowledges tells whether commits of a primary are acknowledged now: enough of the standbys it waits for stream from it.
func (w *world) acknowledges(n *node) bool {
	if !n.up || !n.pg.running || !n.pg.primary {
		return false
	}
	var k int
	var names string
	if n.pg.sync == "" {
		return true
	}
	if _, err := fmt.Sscanf(n.pg.sync, "ANY %d", &k); err != nil {
		panic(n.pg.sync)
	}
	names = n.pg.sync[strings.Index(n.pg.sync, "("):]
	for _, m := range w.nodes {
		if w.source(m) == n && strings.Contains(names, `"`+m.name+`"`) {
			k--
		}
	}
	return k <= 0
}

// checkQuorum is the invariant of quorum durability: one acknowledges at a time, and each has all that was acknowledged before.
func (w *world) checkQuorum() {
	var acking []string
	for _, n := range w.nodes {
		if !w.acknowledges(n) {
			continue
		}
		acking = append(acking, n.name)
		if !strings.HasPrefix(n.pg.line, w.acked.line) || n.pg.lsn < w.acked.lsn {
			w.violations = append(w.violations, fmt.Sprintf("%s %s lacks what was acknowledged", w.now.Sub(0), n.name))
		}
		w.acked = n.pg
	}
	if len(acking) > 1 {
		w.violations = append(w.violations, fmt.Sprintf("%s two primaries acknowledge: %v", w.now.Sub(0), acking))
	}
}

// settledQuorum: the record and PostgreSQL ask for all standbys.
func (w *world) settledQuorum() bool {
	c := fetch[Cohort](w.dcs, KeyCohort).Value
	p := w.node(w.primary())
	return len(c.Members) == len(w.nodes) && c.K == p.policy.SyncStandbys && p.pg.sync == syncSetOf(c, p.name).String()
}
