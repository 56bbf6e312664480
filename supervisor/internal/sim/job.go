// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// job is a call of the PostgreSQL plugin under way.
type job struct {
	h      *host
	life   *life
	action core.Action
	over   bool
	// gone says that the plugin is dead or was told to stop: what needs it happens no more; what PostgreSQL does by itself does.
	gone bool
}

func baseTime(k core.ActionKind) core.Span {
	switch k {
	case core.ActPromote:
		return 50 * core.Millisecond
	case core.ActStart:
		return 200 * core.Millisecond
	case core.ActBootstrap, core.ActClone, core.ActRewind:
		return 800 * core.Millisecond
	case core.ActFollow, core.ActDetach, core.ActApply:
		return 20 * core.Millisecond
	}
	return 100 * core.Millisecond
}

// beginJob calls the plugin. How the call ends and what happens are two things.
func (w *world) beginJob(h *host, a core.Action) {
	j := &job{h: h, life: h.life, action: a}
	h.life.job = j
	w.judge.asked(w, h, a)
	took := baseTime(a.Kind)/2 + w.span(0, baseTime(a.Kind))
	if h.trouble["flaky"] > 0 {
		took *= core.Span(1 + w.rng.Intn(8))
	}
	fate := w.rng.Float64()
	switch {
	case a.Epoch < h.seen:
		w.on(j.h, took, func() { j.finish(w, core.OutcomeRefused, "epoch is over") })
		return
	case h.trouble["plugin"] > 0, h.trouble["flaky"] > 0 && fate < 0.2, h.trouble["full"] > 0 && slices.Contains(fills, a.Kind):
		w.on(j.h, took, func() { j.finish(w, core.OutcomeRefused, "cannot") })
		return
	case h.trouble["flaky"] > 0 && fate < 0.35:
		w.on(j.h, took, func() { j.finish(w, core.OutcomeUnknown, "plugin died") })
		return
	}
	h.seen = a.Epoch
	lateEffect := h.trouble["flaky"] > 0 && fate < 0.6
	j.act(w, took, lateEffect)
}

// fills are the actions that need room on the disk.
var fills = []core.ActionKind{core.ActStart, core.ActPromote, core.ActBootstrap, core.ActClone}

// finish reports the end of the call, once.
func (j *job) finish(w *world, o core.Outcome, message string) {
	if j.over {
		return
	}
	j.over = true
	h, l := j.h, j.life
	done := core.Finished{Kind: j.action.Kind, Epoch: j.action.Epoch, At: w.clock(h), Outcome: o, Message: message, Hopeless: message == hopeless}
	if o != core.OutcomeDone {
		w.say("%s: %s ends %s: %s", h.name, j.action.Kind, o, message)
	}
	w.after(w.span(100_000, 2*core.Millisecond), func() {
		w.deliver(h, l, func() {
			if l.job == j {
				l.job = nil
			}
			l.o.Finished = append(l.o.Finished, done)
		})
	})
	if h.life == l {
		w.report(h)
	}
}

const hopeless = "only a copy helps"

// cancel is what a fence does to the call; abandon what the end of the process does.
func (j *job) cancel(w *world) {
	j.gone = true
	w.on(j.h, w.span(core.Millisecond, 30*core.Millisecond), func() { j.finish(w, core.OutcomeUnknown, "cancelled") })
}

func (j *job) abandon(*world) { j.gone, j.over = true, true }

// act lets the work happen. The effect of a late one comes after the call ended without a word.
func (j *job) act(w *world, took core.Span, late bool) {
	if w.quorum && j.actOnProcesses(w, took, late) {
		return
	}
	effect := took
	if late {
		effect = took + w.span(0, 4*core.Second)
		w.on(j.h, took, func() { j.finish(w, core.OutcomeUnknown, "plugin died") })
	}
	switch j.action.Kind {
	case core.ActStart:
		j.start(w, effect)
	case core.ActStop:
		j.stop(w, effect)
	case core.ActPromote:
		j.promote(w, effect)
	case core.ActClone:
		j.clone(w, effect)
	case core.ActRewind:
		j.rewind(w, effect)
	case core.ActBootstrap:
		w.on(j.h, effect, func() {
			if !j.gone && !j.h.pg.exists {
				j.h.pg = server{exists: true, endKnown: true, pid: j.h.pg.pid, systemID: 7000 + uint64(j.h.name[0]), wal: wal{[]branch{{timeline: 1, serial: w.judge.newSerial()}}, 100}}
			}
			j.finish(w, core.OutcomeDone, "")
		})
	case core.ActFollow:
		pid := j.h.pg.pid
		w.on(j.h, effect, func() {
			if !j.h.pg.running || j.h.pg.pid != pid || j.h.pg.primary {
				j.finish(w, core.OutcomeRefused, "not a running standby")
				return
			}
			j.h.pg.upstream = j.action.Peer.Name
			j.finish(w, core.OutcomeDone, "")
		})
	default:
		w.on(j.h, effect, func() { j.finish(w, core.OutcomeDone, "") })
	}
}

// start launches a standby; once launched, it comes up whatever becomes of the plugin.
func (j *job) start(w *world, took core.Span) {
	h, p := j.h, &j.h.pg
	if !p.startable() {
		w.on(j.h, took, func() {
			switch {
			case !p.running:
				j.finish(w, core.OutcomeRefused, "cannot be started")
			default:
				j.finish(w, core.OutcomeDone, "")
			}
		})
		return
	}
	w.on(j.h, took/3, func() {
		if !h.up || !p.startable() || j.gone && w.chance(0.5) {
			return
		}
		p.pid++
		p.running, p.ready, p.primary, p.stopping, p.armed, p.epoch, p.upstream = true, false, false, false, 0, 0, ""
		if j.action.Peer != nil {
			p.upstream = j.action.Peer.Name
		}
		pid := p.pid
		w.on(j.h, took-took/3, func() {
			if p.running && p.pid == pid {
				p.ready, p.wasOpen = true, false
				j.finish(w, core.OutcomeDone, "")
			}
		})
	})
	w.on(j.h, took+50*core.Millisecond, func() { j.finish(w, core.OutcomeRefused, "did not come up") })
}

// stop shuts down: for a while it still writes; at the end the standbys that stream have all of it.
func (j *job) stop(w *world, took core.Span) {
	h, p := j.h, &j.h.pg
	pid := p.pid
	w.on(j.h, took/4, func() {
		if p.running && p.pid == pid && !j.gone {
			p.stopping = true
		}
	})
	w.on(j.h, took, func() {
		if p.running && p.pid == pid && p.stopping {
			w.shutDown(h)
		}
		if j.gone || p.running {
			j.finish(w, core.OutcomeUnknown, "plugin died")
			return
		}
		j.finish(w, core.OutcomeDone, "")
	})
}

func (w *world) shutDown(h *host) {
	p := &h.pg
	if p.primary {
		p.wal.end += 100
	}
	for _, m := range w.hosts {
		if m != h && w.source(m) == h {
			w.receive(m, h)
		}
	}
	p.kill(w)
	p.endKnown = true
}

// promote tells PostgreSQL; it opens when it gets round to it, unless its postmaster ends before.
func (j *job) promote(w *world, took core.Span) {
	h, p := j.h, &j.h.pg
	switch {
	case !p.running || !p.ready || p.stopping:
		w.on(j.h, took, func() { j.finish(w, core.OutcomeRefused, "not running") })
		return
	case p.primary:
		w.on(j.h, took, func() { j.finish(w, core.OutcomeDone, "") })
		return
	case p.promoting == nil:
		p.promoting = &promotion{j.action.Epoch}
		mine, pid := p.promoting, p.pid
		w.on(j.h, took*9/10, func() {
			if p.running && p.pid == pid && p.promoting == mine {
				w.open(h, j.action)
			}
		})
	}
	w.on(j.h, took, func() {
		if p.primary {
			j.finish(w, core.OutcomeDone, "")
			return
		}
		j.finish(w, core.OutcomeUnknown, "not out of recovery yet")
	})
}

// open makes a standby a primary, on a timeline past the one it was told.
func (w *world) open(h *host, a core.Action) {
	p := &h.pg
	next := max(p.wal.timeline(), a.Timeline) + 1
	if w.broken.ownTimelines {
		next = p.wal.timeline() + 1
	}
	p.wal.branches = append(slices.Clone(p.wal.branches), branch{next, w.judge.newSerial(), p.wal.end})
	p.wal.end += 10
	p.primary, p.upstream, p.promoting, p.epoch = true, "", nil, a.Epoch
	w.say("%s: PostgreSQL is open on timeline %d, epoch %d", h.name, next, a.Epoch)
	w.judge.opened(w, h)
	if w.quorum {
		w.judge.ledger.opened(w, h)
		w.judge.ordered(w)
	}
	w.observe(h)
}

// fetchable is the member to copy from, nil when it cannot be.
func (j *job) fetchable(w *world) *host {
	from := w.host(j.action.Peer.Name)
	if from == nil || from == j.h || !w.linked(j.h, from) || !from.pg.running || !from.pg.ready || !from.pg.primary || from.pg.stopping {
		return nil
	}
	return from
}

// clone copies another data directory over a directory that is moved aside; one that breaks off leaves nothing.
func (j *job) clone(w *world, took core.Span) {
	p := &j.h.pg
	if p.running || p.orphans || p.exists && !j.action.Replace || j.fetchable(w) == nil {
		w.on(j.h, took/4, func() { j.finish(w, core.OutcomeRefused, "cannot be copied") })
		return
	}
	w.halt(p)
	*p = server{pid: p.pid}
	w.on(j.h, took, func() {
		if from := j.fetchable(w); from != nil && !j.gone && j.h.up && !p.exists {
			*p = server{exists: true, endKnown: true, pid: p.pid, systemID: from.pg.systemID, wal: from.pg.wal}
			j.finish(w, core.OutcomeDone, "")
			return
		}
		j.finish(w, core.OutcomeRefused, "copy broke off")
	})
}

// rewind makes a stopped directory fit its source.
func (j *job) rewind(w *world, took core.Span) {
	p := &j.h.pg
	if j.h.trouble["flaky"] > 0 && p.startable() && w.chance(0.2) {
		w.on(j.h, took, func() { j.finish(w, core.OutcomeRefused, hopeless) })
		return
	}
	j.tear(w, took, func(from *host) {
		if !from.pg.wal.contains(p.wal) {
			w.say("%s: WAL that diverged is undone", j.h.name)
		}
		p.wal, p.wasOpen = from.pg.wal, false
	})
}

// tear changes a stopped directory file by file: what breaks off in the middle leaves one that only a copy can replace.
func (j *job) tear(w *world, took core.Span, change func(from *host)) {
	p := &j.h.pg
	if !p.startable() {
		w.on(j.h, took/4, func() { j.finish(w, core.OutcomeRefused, "not stopped") })
		return
	}
	w.on(j.h, took/2, func() {
		if j.fetchable(w) == nil || j.gone || !p.startable() {
			j.finish(w, core.OutcomeRefused, "source is not there")
			return
		}
		p.torn = true
		w.on(j.h, took-took/2, func() {
			from := j.fetchable(w)
			if from == nil || j.gone {
				w.say("%s: a rewind broke off", j.h.name)
				j.finish(w, core.OutcomeRefused, hopeless)
				return
			}
			change(from)
			p.torn = false
			j.finish(w, core.OutcomeDone, "")
		})
	})
}
