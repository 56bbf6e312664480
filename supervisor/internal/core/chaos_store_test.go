// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"strings"
)

// store is the DCS: linearizable, with every picture it ever showed kept unchanged.
type store struct {
	down int
	view *View
}

// revOf is the revision of a key; 0 when it does not exist.
func revOf(v *View, key string) Revision {
	switch key {
	case KeyIdentity:
		return v.Identity.Rev
	case KeyConfig:
		return v.Config.Rev
	case KeyEpoch:
		return v.Epoch.Rev
	case KeyLeader:
		return v.Leader.Rev
	case KeyCohort:
		return v.Cohort.Rev
	case KeyOperation:
		return v.Operation.Rev
	}
	if name, ok := strings.CutPrefix(key, KeyMembers); ok {
		return v.Member(name).Rev
	}
	for _, h := range v.History {
		if KeyOfHistory(h.Value.Epoch) == key {
			return h.Rev
		}
	}
	return 0
}

// transact applies all writes if all compares hold.
func (w *chaos) transact(by string, cs []Compare, ws []Write) (Revision, bool) {
	for _, c := range cs {
		if revOf(w.store.view, c.Key) != c.Rev && !w.broken.ignores(c.Key) {
			return 0, false
		}
	}
	v := *w.store.view
	v.Revision++
	for _, x := range ws {
		put(&v, x.Record)
	}
	w.judge.wrote(w, by, w.store.view, &v)
	w.store.view = &v
	for _, h := range w.hosts {
		w.watch(h, &v)
	}
	return v.Revision, true
}

func put(v *View, r Record) {
	rev := v.Revision
	switch x := r.(type) {
	case Identity:
		v.Identity = Versioned[Identity]{x, rev}
	case Config:
		v.Config = Versioned[Config]{x, rev}
	case EpochRecord:
		v.Epoch = Versioned[EpochRecord]{x, rev}
	case Leader:
		v.Leader = Versioned[Leader]{x, rev}
	case Cohort:
		v.Cohort = Versioned[Cohort]{x, rev}
	case Operation:
		v.Operation = Versioned[Operation]{x, rev}
	case History:
		v.History = append(slices.Clone(v.History), Versioned[History]{x, rev})
	case Member:
		v.Members = slices.Clone(v.Members)
		i, found := slices.BinarySearchFunc(v.Members, x.Name, func(e Versioned[Member], n string) int { return strings.Compare(e.Value.Name, n) })
		if !found {
			v.Members = slices.Insert(v.Members, i, Versioned[Member]{})
		}
		v.Members[i] = Versioned[Member]{x, rev}
	}
}

// watch brings a change to a host: in order, perhaps late, not over a cut.
func (w *chaos) watch(h *host, v *View) {
	l := h.life
	if l == nil {
		return
	}
	h.watchAt = max(h.watchAt, w.now.Add(w.latency(h, "stale")))
	w.at(h.watchAt, func() {
		if w.reaches(h) {
			w.deliver(h, l, func() { w.show(h, l, v) })
		}
	})
}

// show makes a picture the host's current one; an older one only proves that the DCS answers.
func (w *chaos) show(h *host, l *life, v *View) {
	if l.o.View != nil && l.o.View.Revision > v.Revision {
		v = l.o.View
	}
	shown := *v
	shown.SeenAt, shown.AskedAt = w.clock(h), w.clock(h)
	l.o.View = &shown
}

// patience with one call to the DCS, as the loop has it; where deadlines are wrong about answers, those may come later.
func (w *chaos) patience() Span {
	if w.broken.fromAnswer {
		return 2 * Second
	}
	return 750 * Millisecond
}

// read fetches a picture: at once when asked, every second otherwise.
func (w *chaos) read(h *host) {
	l := h.life
	if l == nil {
		return
	}
	if l.reading {
		l.askAgain = true
		return
	}
	l.reading = true
	over := false
	done := func(v *View, next Span) {
		if over {
			return
		}
		over = true
		w.deliver(h, l, func() {
			l.reading = false
			if v != nil {
				w.show(h, l, v)
			}
			if l.askAgain {
				next, l.askAgain = Millisecond, false
			}
			w.after(next, func() { w.deliver(h, l, func() { w.read(h) }) })
		})
	}
	w.after(w.patience(), func() { done(nil, 100*Millisecond) })
	w.after(w.latency(h, "slow"), func() {
		if !w.reaches(h) {
			return
		}
		v := w.store.view
		w.after(w.latency(h, "stale"), func() {
			if w.reaches(h) {
				done(v, Second)
			}
		})
	})
}

// commit sends a transaction. The request may be refused before it leaves, lost, applied late, or applied and its
// answer lost.
func (w *chaos) commit(h *host, c *Commit) {
	l := h.life
	lane := "commit " + string(c.Purpose)
	if !l.lane(lane) {
		return
	}
	done := Committed{Purpose: c.Purpose, Leader: c.Leader(), Outcome: OutcomeUnknown}
	over := false
	finish := func(o Outcome, conflict bool, rev Revision) {
		if over {
			return
		}
		over = true
		w.deliver(h, l, func() {
			delete(l.lanes, lane)
			done.Outcome, done.Conflict, done.Revision = o, conflict, rev
			if w.broken.fromAnswer && done.Leader != nil {
				late := *done.Leader
				late.SentAt = w.clock(h)
				done.Leader = &late
			}
			if done.Leader != nil && o == OutcomeUnknown {
				w.say("%s: no answer to a write of the leader record", h.name)
			}
			l.o.Committed = append(l.o.Committed, done)
			if o != OutcomeDone {
				w.read(h)
			}
		})
	}
	w.after(w.patience(), func() { finish(OutcomeUnknown, false, 0) })
	way := w.latency(h, "slow")
	if !w.reaches(h) {
		if w.chance(0.5) {
			w.after(Millisecond, func() { finish(OutcomeRefused, false, 0) })
			return
		}
		way = w.span(0, 4*Second) // on its way until the network heals
	}
	w.after(way, func() {
		if !w.reaches(h) {
			return
		}
		rev, ok := w.transact(h.name, c.Compares, c.Writes)
		if h.trouble["lose"] > 0 && w.chance(0.7) {
			return
		}
		w.after(w.latency(h, "slow"), func() {
			switch {
			case !w.reaches(h):
			case ok:
				finish(OutcomeDone, false, rev)
			default:
				finish(OutcomeRefused, true, 0)
			}
		})
	})
}
