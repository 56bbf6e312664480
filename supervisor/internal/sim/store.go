// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// store is the DCS: linearizable, with every picture it ever showed kept unchanged.
type store struct {
	down int
	view *core.View
}

// revOf is the revision of a key; 0 when it does not exist.
func revOf(v *core.View, key string) core.Revision {
	switch key {
	case core.KeyIdentity:
		return v.Identity.Rev
	case core.KeyConfig:
		return v.Config.Rev
	case core.KeyEpoch:
		return v.Epoch.Rev
	case core.KeyLeader:
		return v.Leader.Rev
	case core.KeyCohort:
		return v.Cohort.Rev
	case core.KeyOperation:
		return v.Operation.Rev
	}
	if name, ok := strings.CutPrefix(key, core.KeyMembers); ok {
		return v.Member(name).Rev
	}
	if name, ok := strings.CutPrefix(key, core.KeyBallots); ok {
		return v.Ballot(name).Rev
	}
	for _, h := range v.History {
		if core.KeyOfHistory(h.Value.Epoch) == key {
			return h.Rev
		}
	}
	return 0
}

// transact applies all writes if all compares hold.
func (w *world) transact(by string, cs []core.Compare, ws []core.Write) (core.Revision, bool) {
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
	w.judge.ordered(w)
	for _, x := range ws {
		if b, ok := x.Record.(core.Ballot); ok {
			w.judge.ballot(w, b)
		}
		if c, ok := x.Record.(core.Cohort); ok && w.quorum {
			w.say("%s: cohort of epoch %d is %v with %d", by, c.Epoch, c.Members, c.K)
		}
	}
	for _, h := range w.hosts {
		w.watch(h, &v)
	}
	return v.Revision, true
}

func versioned[T any](value T, rev core.Revision) core.Versioned[T] {
	return core.Versioned[T]{Value: value, Rev: rev}
}

func put(v *core.View, r core.Record) {
	rev := v.Revision
	switch x := r.(type) {
	case core.Identity:
		v.Identity = versioned(x, rev)
	case core.Config:
		v.Config = versioned(x, rev)
	case core.EpochRecord:
		v.Epoch = versioned(x, rev)
	case core.Leader:
		v.Leader = versioned(x, rev)
	case core.Cohort:
		v.Cohort = versioned(x, rev)
	case core.Operation:
		v.Operation = versioned(x, rev)
	case core.History:
		v.History = append(slices.Clone(v.History), versioned(x, rev))
	case core.Ballot:
		v.Ballots = slices.Clone(v.Ballots)
		i, found := slices.BinarySearchFunc(v.Ballots, x.Name, func(e core.Versioned[core.Ballot], n string) int { return strings.Compare(e.Value.Name, n) })
		if !found {
			v.Ballots = slices.Insert(v.Ballots, i, core.Versioned[core.Ballot]{})
		}
		v.Ballots[i] = versioned(x, rev)
	case core.Member:
		v.Members = slices.Clone(v.Members)
		i, found := slices.BinarySearchFunc(v.Members, x.Name, func(e core.Versioned[core.Member], n string) int { return strings.Compare(e.Value.Name, n) })
		if !found {
			v.Members = slices.Insert(v.Members, i, core.Versioned[core.Member]{})
		}
		v.Members[i] = versioned(x, rev)
	}
}

// watch brings a change to a host: in order, perhaps late, not over a cut.
func (w *world) watch(h *host, v *core.View) {
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
func (w *world) show(h *host, l *life, v *core.View) {
	if l.o.View != nil && l.o.View.Revision > v.Revision {
		v = l.o.View
	}
	shown := *v
	if w.broken.oneTooFew && shown.Cohort.Value.K > 0 && shown.Leader.Value.Holder != h.name {
		shown.Cohort.Value.K++
	}
	shown.SeenAt, shown.AskedAt = w.clock(h), w.clock(h)
	l.o.View = &shown
}

// patience with one call to the DCS, as the loop has it; where deadlines are wrong about answers, those may come later.
func (w *world) patience() core.Span {
	if w.broken.fromAnswer {
		return 2 * core.Second
	}
	return 750 * core.Millisecond
}

// read fetches a picture: at once when asked, every second otherwise.
func (w *world) read(h *host) {
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
	done := func(v *core.View, next core.Span) {
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
				next, l.askAgain = core.Millisecond, false
			}
			w.after(next, func() { w.deliver(h, l, func() { w.read(h) }) })
		})
	}
	w.after(w.patience(), func() { done(nil, 100*core.Millisecond) })
	w.after(w.latency(h, "slow"), func() {
		if !w.reaches(h) {
			return
		}
		v := w.store.view
		w.after(w.latency(h, "stale"), func() {
			if w.reaches(h) {
				done(v, core.Second)
			}
		})
	})
}

// commit sends a transaction. The request may be refused before it leaves, lost, applied late, or applied and its
// answer lost.
func (w *world) commit(h *host, c *core.Commit) {
	l := h.life
	lane := "commit " + string(c.Purpose)
	if !l.lane(lane) {
		return
	}
	done := core.Committed{Purpose: c.Purpose, Leader: c.Leader(), Cohort: c.Cohort(), Outcome: core.OutcomeUnknown}
	over := false
	finish := func(o core.Outcome, conflict bool, rev core.Revision) {
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
			if done.Leader != nil && o == core.OutcomeUnknown {
				w.say("%s: no answer to a write of the leader record", h.name)
			}
			l.o.Committed = append(l.o.Committed, done)
			if o != core.OutcomeDone {
				w.read(h)
			}
		})
	}
	w.after(w.patience(), func() { finish(core.OutcomeUnknown, false, 0) })
	way := w.latency(h, "slow")
	if !w.reaches(h) {
		if w.chance(0.5) {
			w.after(core.Millisecond, func() { finish(core.OutcomeRefused, false, 0) })
			return
		}
		way = w.span(0, 4*core.Second) // on its way until the network heals
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
				finish(core.OutcomeDone, false, rev)
			default:
				finish(core.OutcomeRefused, true, 0)
			}
		})
	})
}
