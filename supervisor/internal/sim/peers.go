// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// peers are the other supervisors as a process hears them, and the PostgreSQL of one of them, asked whether it is there.
type peers struct {
	heard []core.Heard // by name
	probe core.Probe
	// beat is what is repeated to the others; nil is nothing. beating counts changes of it, so that an old repetition ends.
	beat    *core.Beat
	beating int
	// said are the beats of this process, by when they were sent: a promise answers one of them.
	said map[core.Instant]bool
	// fresh is when the next report is asked for while a probe is on, watched the beat whose silence has been told.
	fresh   core.Instant
	watched core.Instant
}

const (
	probeEvery = 100 * core.Millisecond
	freshEvery = 200 * core.Millisecond
)

// speak says what a tick has for the other supervisors.
func (w *world) speak(h *host, o core.Observation) {
	l := h.life
	w.tell(h, l, o)
	switch peer := core.ProbeOf(l.state, o, h.policy); {
	case peer == nil:
		l.peers.probe = core.Probe{}
	case peer.Name != l.peers.probe.Name:
		l.peers.probe = core.Probe{Name: peer.Name, Since: w.clock(h)}
		w.ask(h, l, peer.Name)
	case o.Now >= l.peers.fresh:
		l.peers.fresh = o.Now.Add(freshEvery)
		w.report(h)
	}
}

// tell repeats what there is to say, at once when it is something new.
func (w *world) tell(h *host, l *life, o core.Observation) {
	b, ok := core.BeatOf(l.state, o, h.policy)
	switch {
	case !ok:
		l.peers.beat = nil
		l.peers.beating++
	case l.peers.beat == nil || *l.peers.beat != b:
		l.peers.beat = &b
		l.peers.beating++
		w.beat(h, l, l.peers.beating)
	}
}

// beat sends a heartbeat to everybody, and again after a while.
func (w *world) beat(h *host, l *life, n int) {
	if h.life != l || l.peers.beating != n || l.peers.beat == nil {
		return
	}
	if h.frozen == 0 {
		b := *l.peers.beat
		b.SentAt = w.clock(h)
		if l.peers.said == nil {
			l.peers.said = map[core.Instant]bool{}
		}
		l.peers.said[b.SentAt] = true
		for _, m := range w.hosts {
			if m != h {
				w.datagram(h, m, func() { w.hear(m, b) })
			}
		}
	}
	w.after(h.policy.BeatInterval(), func() { w.beat(h, l, n) })
}

// hear is a heartbeat that arrives; what says nothing new wakes nobody.
func (w *world) hear(m *host, b core.Beat) {
	l := m.life
	if l == nil {
		return
	}
	note := func() {
		x := l.peers.of(b.Name)
		x.At, x.Beat = w.clock(m), b
	}
	old := l.peers.of(b.Name).Beat
	old.SentAt = b.SentAt
	if old == b && b.Ask == 0 && m.frozen == 0 {
		note()
		return
	}
	w.deliver(m, l, note)
}

// promise brings a promise to the leader it is made to. Of several the one counts that ends last.
func (w *world) promise(h *host, p core.Promise) {
	to := w.host(p.To)
	if to == nil {
		return
	}
	if w.broken.longPromises {
		p.For *= 3
	}
	w.datagram(h, to, func() {
		l := to.life
		if l == nil || !l.peers.said[p.SentAt] {
			return
		}
		w.deliver(to, l, func() {
			x := l.peers.of(p.From)
			if old := x.Promise; p.Epoch > old.Epoch || p.Epoch == old.Epoch && p.SentAt.Add(p.For) > old.SentAt.Add(old.For) {
				x.Promise = p
				w.judge.promises(w, p)
			}
		})
	})
}

// of finds or makes the place of a member.
func (p *peers) of(name string) *core.Heard {
	i, found := slices.BinarySearchFunc(p.heard, name, func(x core.Heard, n string) int { return strings.Compare(x.Name, n) })
	if !found {
		p.heard = slices.Insert(p.heard, i, core.Heard{Name: name})
	}
	return &p.heard[i]
}

// ask asks a PostgreSQL again and again whether it is there.
func (w *world) ask(h *host, l *life, name string) {
	if h.life != l || l.peers.probe.Name != name {
		return
	}
	m := w.host(name)
	if h.frozen == 0 && w.passes(h, m) {
		w.after(w.wire(h, m), func() {
			if !m.pg.running || m.paused > 0 || !w.passes(m, h) {
				return
			}
			w.after(w.wire(m, h), func() {
				if h.life == l && h.frozen == 0 && l.peers.probe.Name == name {
					l.peers.probe.AnsweredAt = w.clock(h)
				}
			})
		})
	}
	w.after(probeEvery, func() { w.ask(h, l, name) })
}

// listen wakes a process when the leader has been silent for a while, and while its PostgreSQL is asked.
func (w *world) listen(h *host) {
	l := h.life
	if l == nil || h.frozen > 0 || l.o.View == nil {
		return
	}
	at := l.peers.of(l.o.View.Leader.Value.Holder).At
	now := w.clock(h)
	if l.peers.probe.Name != "" && now >= l.peers.fresh || at != 0 && at != l.peers.watched && now.Sub(at) >= h.policy.ProbeAfter() {
		l.peers.watched = at
		w.nudge(h)
	}
}
