// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// life is one process of the supervisor.
type life struct {
	state    core.State
	o        core.Observation
	rule     core.RuleID
	lanes    map[string]bool
	job      *job
	due      bool // a tick is on its way
	unstored bool // the last state could not be stored
	wake     uint64
	reading  bool
	askAgain bool
	// crashAfter ends the process after that many actions of its next plan; -1: before its state is stored.
	crashAfter *int
	stopping   bool
	peers      peers
}

// begin starts a supervisor where none runs.
func (w *world) begin(h *host) {
	if !h.up || h.life != nil {
		return
	}
	h.life = &life{state: core.State{Durable: h.saved}, lanes: map[string]bool{}}
	h.backlog, h.reported = nil, signature{}
	w.read(h)
	w.nudge(h)
}

// end takes the supervisor away, and its plugins with it.
func (w *world) end(h *host) {
	if h.life == nil {
		return
	}
	if h.life.job != nil {
		h.life.job.abandon(w)
	}
	h.life, h.backlog, h.frozen = nil, nil, 0
}

// deliver brings something to a process, if it is still that one; a frozen one finds it when it runs on.
func (w *world) deliver(h *host, l *life, do func()) {
	switch {
	case h.life != l:
	case h.frozen > 0:
		h.backlog = append(h.backlog, do)
	default:
		do()
		w.nudge(h)
	}
}

// thaw lets a frozen supervisor run on, in the middle of everything.
func (w *world) thaw(h *host) {
	if h.frozen--; h.frozen > 0 {
		return
	}
	todo, l := h.backlog, h.life
	h.backlog = nil
	for _, do := range todo {
		if h.life == l && l != nil {
			do()
		}
	}
	w.nudge(h)
}

// nudge brings about a tick soon.
func (w *world) nudge(h *host) {
	l := h.life
	if l == nil || l.due || h.frozen > 0 {
		return
	}
	l.due = true
	w.after(w.span(20_000, 300_000), func() {
		if h.life == l {
			l.due = false
			if h.frozen == 0 {
				w.tick(h)
			}
		}
	})
}

// tick is one turn of the loop: observe, decide, store, execute.
func (w *world) tick(h *host) {
	l := h.life
	w.ticks++
	o := l.o
	l.o.Finished, l.o.Committed = nil, nil
	o.Now, o.Wall, o.WatchdogReady, o.Stopping = w.clock(h), int64(w.now), true, l.stopping
	o.Job = nil
	if l.job != nil {
		o.Job = &core.Job{Kind: l.job.action.Kind, Epoch: l.job.action.Epoch}
	}
	if w.quorum {
		o.Heard, o.Probe = slices.Clone(l.peers.heard), l.peers.probe
	}
	o.Unstored = l.unstored
	s, plan, reason := core.Decide(l.state, o, h.policy)
	if l.crashAfter != nil && *l.crashAfter < 0 {
		w.crash(h)
		return
	}
	if l.unstored = h.trouble["nosave"] > 0; !l.unstored {
		h.saved = w.broken.stored(s.Durable)
	} else {
		plan = core.Withheld(plan, o)
	}
	l.state = w.broken.remembered(s, o)
	if reason.Rule != l.rule {
		l.rule = reason.Rule
		w.say("%s %s: %s", h.name, reason.Rule, reason.Sentence)
	}
	if w.quorum {
		w.speak(h, o)
	}
	for i, a := range plan {
		if l.crashAfter != nil && i >= *l.crashAfter {
			w.crash(h)
			return
		}
		w.execute(h, a)
		if h.life != l {
			return
		}
	}
	w.setTimer(h, core.Wake(s, o, h.policy))
}

// crash ends a process in the middle of a tick; another one is started.
func (w *world) crash(h *host) {
	w.say("%s: the supervisor crashes in the middle of a tick", h.name)
	w.end(h)
	w.on(h, w.span(20*core.Millisecond, 1500*core.Millisecond), func() { w.begin(h) })
}

func (w *world) setTimer(h *host, i core.Instant) {
	l := h.life
	l.wake++
	n := l.wake
	w.at(w.trueTime(h, i), func() {
		if h.life == l && l.wake == n {
			w.nudge(h)
		}
	})
}

func (w *world) execute(h *host, a core.Action) {
	l := h.life
	w.spring(h, momentOf(a))
	switch a.Kind {
	case core.ActCommit:
		w.commit(h, w.broken.said(*a.Commit, h.policy))
	case core.ActFence:
		w.fence(h)
	case core.ActArm, core.ActDisarm:
		w.setDeadman(h, a)
	case core.ActRoute:
	case core.ActPromise:
		w.promise(h, *a.Promise)
	case core.ActExit:
		w.say("%s: the supervisor has stopped", h.name)
		w.end(h)
	case core.ActRefuse:
		w.judge.fail(w, "%s refuses to run: %s", h.name, a.Message)
	default:
		if l.job == nil {
			w.beginJob(h, a)
		}
	}
}

// lane takes a lane; false when it is busy.
func (l *life) lane(name string) bool {
	if l.lanes[name] {
		return false
	}
	l.lanes[name] = true
	return true
}
