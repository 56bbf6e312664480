// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// callPatience is how long the host waits for a short call of the plugin, and the plugin for a proof.
const callPatience = 2 * core.Second

// actOnProcesses is act for what differs where PostgreSQL is modelled process by process; false for the rest.
func (j *job) actOnProcesses(w *world, took core.Span, late bool) bool {
	h := j.h
	switch j.action.Kind {
	case core.ActStart:
		j.launch(w, took)
	case core.ActStop:
		j.stopProcesses(w, took)
	case core.ActPromote:
		j.settleAndPromote(w, took, late)
	case core.ActFollow:
		j.redirect(w, took, late, j.action.Peer.Name, func() bool {
			return h.pg.rec.upstream == j.action.Peer.Name && h.pg.rec.applied >= h.pg.rec.fresh
		})
	case core.ActDetach:
		j.redirect(w, took, late, "", func() bool { return h.pg.detached() || w.broken.detachesBlindly })
	case core.ActApply:
		j.apply(w, took, late)
	case core.ActRewind:
		j.rewindProcesses(w, took)
	default:
		return false
	}
	return true
}

// await looks again and again whether something holds and ends the call; unknown when the patience is over.
func (j *job) await(w *world, patience core.Span, holds func() bool) {
	pid := j.h.pg.pid
	var look func(left core.Span)
	look = func(left core.Span) {
		switch {
		case j.over || j.gone:
		case !j.h.pg.running || j.h.pg.pid != pid:
			j.finish(w, core.OutcomeRefused, "not running any more")
		case holds():
			j.finish(w, core.OutcomeDone, "")
		case left <= 0:
			j.finish(w, core.OutcomeUnknown, "took too long")
		default:
			step := w.span(5*core.Millisecond, 20*core.Millisecond)
			w.on(j.h, step, func() { look(left - step) })
		}
	}
	look(patience)
}

// redirect writes where WAL comes from, and waits until it is so. A call that broke off has written it or not.
func (j *job) redirect(w *world, took core.Span, late bool, upstream string, holds func() bool) {
	p, pid := &j.h.pg, j.h.pg.pid
	w.on(j.h, took/2, func() {
		switch {
		case j.gone || late && w.chance(0.5):
		case !p.running || p.pid != pid || p.primary || p.promoting != nil:
			j.finish(w, core.OutcomeRefused, "not a running standby")
		default:
			w.aim(j.h, upstream, j.action.Peer != nil && j.action.Peer.StreamOnly)
			if !late {
				j.await(w, callPatience, holds)
			}
		}
	})
	if late {
		w.on(j.h, took, func() { j.finish(w, core.OutcomeUnknown, "plugin died") })
	}
}

// apply writes synchronous_standby_names, and waits for the proof that it is in force if asked for.
func (j *job) apply(w *world, took core.Span, late bool) {
	p, pid := &j.h.pg, j.h.pg.pid
	w.on(j.h, took/2, func() {
		if j.gone || late && w.chance(0.5) {
			return
		}
		if !p.running || !p.ready || p.pid != pid {
			j.finish(w, core.OutcomeRefused, "not running")
			return
		}
		w.configure(j.h, j.action.Sync.String())
		if late {
			return
		}
		if !j.action.Settle {
			j.finish(w, core.OutcomeDone, "")
			return
		}
		w.settle(j, callPatience, func(proven bool) {
			if proven {
				j.finish(w, core.OutcomeDone, "")
				return
			}
			j.finish(w, core.OutcomeUnknown, "not in force yet")
		})
	})
	if late {
		w.on(j.h, took, func() { j.finish(w, core.OutcomeUnknown, "plugin died") })
	}
}

// settleAndPromote promotes once synchronous_standby_names is in force everywhere; replay comes first and takes its time.
func (j *job) settleAndPromote(w *world, took core.Span, late bool) {
	h, p := j.h, &j.h.pg
	if !p.running || !p.ready || p.stopping || p.primary || p.promoting != nil {
		j.promote(w, took)
		return
	}
	w.configure(h, j.action.Sync.String())
	w.settle(j, callPatience, func(proven bool) {
		switch {
		case j.gone || j.over:
		case !proven:
			j.finish(w, core.OutcomeRefused, "synchronous_standby_names is not in force")
		default:
			backlog := core.Span(p.wal.end-p.replayed) * 20_000
			if h.trouble["replay-lag"] > 0 {
				backlog += w.span(0, 3*core.Second)
			}
			if late {
				backlog += w.span(0, 4*core.Second)
				w.on(h, took, func() { j.finish(w, core.OutcomeUnknown, "plugin died") })
			}
			if r := p.receiver; r != nil {
				w.endReceiver(r)
			}
			j.promote(w, took+min(backlog, 6*core.Second))
		}
	})
}

// launch starts a postmaster as a standby; once launched, it comes up whatever becomes of the plugin, when it is consistent.
func (j *job) launch(w *world, took core.Span) {
	h, p := j.h, &j.h.pg
	if !p.startable() {
		j.start(w, took)
		return
	}
	w.on(h, took/3, func() {
		if !h.up || !p.startable() || j.gone && w.chance(0.5) {
			j.finish(w, core.OutcomeRefused, "cannot be started")
			return
		}
		p.pid++
		p.running, p.ready, p.primary, p.stopping, p.armed, p.epoch = true, false, false, false, 0, 0
		upstream := ""
		if j.action.Peer != nil {
			upstream = j.action.Peer.Name
		}
		p.launch(upstream, j.action.Peer != nil && j.action.Peer.StreamOnly)
		p.replayed = p.wal.end
		pid := p.pid
		w.on(h, took-took/3, func() {
			if !p.running || p.pid != pid {
				j.finish(w, core.OutcomeRefused, "did not come up")
				return
			}
			p.recovering = true
			j.await(w, 10*core.Second, func() bool { return p.ready })
		})
	})
}

// stopProcesses shuts down: sessions end unanswered, walsenders stay until their standbys have all of it, or the patience is over.
func (j *job) stopProcesses(w *world, took core.Span) {
	h, p := j.h, &j.h.pg
	pid := p.pid
	w.on(h, took/4, func() {
		if p.running && p.pid == pid && !j.gone {
			p.stopping = true
			p.waiting = nil
			if p.primary {
				p.wal.end += 100
			}
			if r := p.receiver; r != nil {
				w.endReceiver(r)
			}
			w.awaitSenders(h, pid, j.action.Patience)
		}
	})
	j.awaitEnd(w, pid, took+j.action.Patience+core.Second)
}

// awaitSenders ends a stopping server when nothing is left to be sent, or when its time is over.
func (w *world) awaitSenders(h *host, pid int, left core.Span) {
	p := &h.pg
	if !p.running || p.pid != pid || !p.stopping {
		return
	}
	behind := slices.ContainsFunc(p.senders, func(s *stream) bool { return s.flush < p.wal.end })
	if p.primary && behind && left > 0 {
		step := w.span(5*core.Millisecond, 30*core.Millisecond)
		w.on(h, step, func() { w.awaitSenders(h, pid, left-step) })
		return
	}
	p.kill(w)
	p.endKnown = !behind || w.chance(0.8)
}

// awaitEnd ends the call when the postmaster has.
func (j *job) awaitEnd(w *world, pid int, left core.Span) {
	p := &j.h.pg
	switch {
	case j.over:
	case !p.running || p.pid != pid:
		j.finish(w, core.OutcomeDone, "")
	case j.gone || left <= 0:
		j.finish(w, core.OutcomeUnknown, "plugin died")
	default:
		step := w.span(10*core.Millisecond, 40*core.Millisecond)
		w.on(j.h, step, func() { j.awaitEnd(w, pid, left-step) })
	}
}

// rewindProcesses takes a stopped directory back to before the fork: what it acknowledged after that checkpoint is not there
// until it has streamed it again, and it is not consistent before.
func (j *job) rewindProcesses(w *world, took core.Span) {
	p := &j.h.pg
	j.tear(w, took, func(from *host) {
		if x := from.pg.wal; !x.contains(p.wal) {
			fork := x.commonWith(p.wal)
			fork -= min(fork-1, core.LSN(w.rng.Intn(40_000)))
			w.say("%s: WAL that diverged is undone, back to %s", j.h.name, fork)
			p.wal, p.consistent, p.target = x.upTo(fork), x.end, x.branches
			p.replayed = fork
		}
		p.wasOpen = false
	})
}

// commonWith is where two histories part.
func (x wal) commonWith(y wal) core.LSN {
	n := 0
	for n < len(x.branches) && n < len(y.branches) && x.branches[n] == y.branches[n] {
		n++
	}
	end := min(x.end, y.end)
	if n < len(x.branches) {
		end = min(end, x.branches[n].from)
	}
	if n < len(y.branches) {
		end = min(end, y.branches[n].from)
	}
	return end
}
