// SPDX-License-Identifier: Apache-2.0

package core

import (
	"container/heap"
	"fmt"
	"math/rand"
	"strings"
)

// chaos is a cluster whose every part may fail: the real core on every host, over models of the DCS, PostgreSQL, the
// deadman and the shell, with messages under way, answers lost and clocks that disagree. Everything follows from the seed.
//
// Two clocks: now is the true time, which nobody in the model sees; each host has its own, faster or slower.
type chaos struct {
	now    Instant
	rng    *rand.Rand
	queue  events
	seq    uint64
	store  store
	hosts  []*host
	broken mutant
	judge  judge
	story  *strings.Builder // nil: nobody listens
	calm   bool             // the faults are over
	traps  []trap
	ticks  int
}

// event is something that happens at a true time; seq orders those of one instant.
type event struct {
	at  Instant
	seq uint64
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return x
}

// host is a machine of the cluster. What ends with the supervisor's process is in life.
type host struct {
	name   string
	policy Policy
	boots  int
	bootAt Instant // true time at which its clock began
	ppm    int64   // how much its clock is fast
	up     bool
	life   *life
	// frozen counts the reasons for which the supervisor does not run; backlog is what waits for it.
	frozen  int
	backlog []func()
	saved   Durable
	pg      server
	// seen is the greatest epoch the PostgreSQL plugin was called under.
	seen Epoch
	// watchAt and reportAt keep streams in order.
	watchAt, reportAt Instant
	reported          signature
	// trouble counts faults in force, by name.
	trouble map[string]int
}

// life is one process of the supervisor.
type life struct {
	state    State
	o        Observation
	rule     RuleID
	lanes    map[string]bool
	job      *job
	due      bool // a tick is on its way
	wake     uint64
	reading  bool
	askAgain bool
	// crashAfter ends the process after that many actions of its next plan; -1: before its state is stored.
	crashAfter *int
	stopping   bool
}

func newChaos(seed int64, m mutant) *chaos {
	w := &chaos{rng: rand.New(rand.NewSource(seed)), broken: m, now: Instant(Second)}
	w.store.view = &View{}
	w.judge.begin()
	for i, name := range []string{"a", "b", "c"} {
		h := &host{name: name, trouble: map[string]int{}, ppm: w.rng.Int63n(10_001) - 5_000, policy: Policy{
			Self: Self{Name: name, Instance: "i-" + name, API: name, Host: name, Port: 5432, Priority: 1},
			TTL:  3 * Second, DriftPPM: 10_000, MaximumLag: 1 << 20, StopPatience: 2 * Second, StartTimeout: 60 * Second, Rewind: true, Reclone: true,
		}}
		if m.wildClocks {
			h.ppm *= 20
		}
		h.pg.pid = 1000 * (i + 1)
		w.hosts = append(w.hosts, h)
		w.at(w.now.Add(w.span(0, 200*Millisecond)), func() { w.boot(h) })
	}
	w.flow()
	return w
}

// span draws a span.
func (w *chaos) span(from, to Span) Span { return from + Span(w.rng.Int63n(int64(to-from)+1)) }

func (w *chaos) chance(p float64) bool { return w.rng.Float64() < p }

func (w *chaos) at(t Instant, do func()) {
	w.seq++
	heap.Push(&w.queue, event{max(t, w.now), w.seq, do})
}

func (w *chaos) after(d Span, do func()) { w.at(w.now.Add(d), do) }

// run lets the world go on until a true time, or until something is wrong, or a condition holds.
func (w *chaos) run(end Instant, until func() bool) {
	for len(w.queue) > 0 && w.queue[0].at <= end && len(w.judge.wrong) == 0 {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
		if until != nil && until() {
			return
		}
	}
	if len(w.judge.wrong) == 0 {
		w.now = max(w.now, end)
	}
}

func (w *chaos) say(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, "%9s  %s\n", w.now.Sub(0), fmt.Sprintf(format, args...))
	}
}

func (w *chaos) host(name string) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// clock is the host's own time; trueTime is when its clock will show an instant.
func (w *chaos) clock(h *host) Instant {
	return Instant(Second) + Instant(int64(w.now-h.bootAt)/1000*(1_000_000+h.ppm)/1000)
}

func (w *chaos) trueTime(h *host, i Instant) Instant {
	return h.bootAt + Instant(int64(i-Instant(Second))/1000*1_000_000/(1_000_000+h.ppm)*1000) + 2000
}

// reaches tells whether a host reaches the DCS, linked whether two hosts reach each other.
func (w *chaos) reaches(h *host) bool {
	return h.up && h.trouble["cut-dcs"] == 0 && h.trouble["cut"] == 0 && w.store.down == 0
}

func (w *chaos) linked(a, b *host) bool {
	return a.up && b.up && a.trouble["cut"] == 0 && b.trouble["cut"] == 0 && a.trouble["cut-"+b.name] == 0 && b.trouble["cut-"+a.name] == 0
}

// latency of one way to or from the DCS.
func (w *chaos) latency(h *host, slow string) Span {
	if h.trouble[slow] > 0 && w.chance(0.6) {
		return w.span(0, 2*Second)
	}
	return w.span(200*1000, 3*Millisecond)
}

// boot turns a host on: a new boot has a new token, and remembers nothing of /run.
func (w *chaos) boot(h *host) {
	if h.up {
		return
	}
	h.boots++
	h.up, h.bootAt = true, w.now.Add(-w.span(0, 20*Second))
	h.policy.Self.Token = fmt.Sprintf("t-%s-%d", h.name, h.boots)
	h.saved = Durable{WalEpoch: h.saved.WalEpoch, SystemID: h.saved.SystemID}
	w.begin(h)
}

// powerOff takes a host down, with all that runs on it.
func (w *chaos) powerOff(h *host) {
	w.say("%s: power lost", h.name)
	w.end(h)
	h.pg.kill(w)
	h.up = false
}

// begin starts a supervisor where none runs.
func (w *chaos) begin(h *host) {
	if !h.up || h.life != nil {
		return
	}
	h.life = &life{state: State{Durable: h.saved}, lanes: map[string]bool{}}
	h.backlog, h.reported = nil, signature{}
	w.read(h)
	w.nudge(h)
}

// end takes the supervisor away, and its plugins with it.
func (w *chaos) end(h *host) {
	if h.life == nil {
		return
	}
	if h.life.job != nil {
		h.life.job.abandon(w)
	}
	h.life, h.backlog, h.frozen = nil, nil, 0
}

// deliver brings something to a process, if it is still that one; a frozen one finds it when it runs on.
func (w *chaos) deliver(h *host, l *life, do func()) {
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
func (w *chaos) thaw(h *host) {
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
func (w *chaos) nudge(h *host) {
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
func (w *chaos) tick(h *host) {
	l := h.life
	w.ticks++
	o := l.o
	l.o.Finished, l.o.Committed = nil, nil
	o.Now, o.Wall, o.WatchdogReady, o.Stopping = w.clock(h), int64(w.now), true, l.stopping
	o.Job = nil
	if l.job != nil {
		o.Job = &Job{Kind: l.job.action.Kind, Epoch: l.job.action.Epoch}
	}
	s, plan, reason := Decide(l.state, o, h.policy)
	if l.crashAfter != nil && *l.crashAfter < 0 {
		w.crash(h)
		return
	}
	if h.trouble["nosave"] == 0 {
		h.saved = w.broken.stored(s.Durable)
	} else {
		plan = withoutPromotions(plan)
	}
	l.state = w.broken.remembered(s, o)
	if reason.Rule != l.rule {
		l.rule = reason.Rule
		w.say("%s %s: %s", h.name, reason.Rule, reason.Sentence)
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
	w.setTimer(h, Wake(s, o, h.policy))
}

// crash ends a process in the middle of a tick; another one is started.
func (w *chaos) crash(h *host) {
	w.say("%s: the supervisor crashes in the middle of a tick", h.name)
	w.end(h)
	w.after(w.span(20*Millisecond, 1500*Millisecond), func() { w.begin(h) })
}

func withoutPromotions(plan Plan) Plan {
	var out Plan
	for _, a := range plan {
		if a.Kind != ActPromote {
			out = append(out, a)
		}
	}
	return out
}

func (w *chaos) setTimer(h *host, i Instant) {
	l := h.life
	l.wake++
	n := l.wake
	w.at(w.trueTime(h, i), func() {
		if h.life == l && l.wake == n {
			w.nudge(h)
		}
	})
}

func (w *chaos) execute(h *host, a Action) {
	l := h.life
	w.spring(h, momentOf(a))
	switch a.Kind {
	case ActCommit:
		w.commit(h, a.Commit)
	case ActFence:
		w.fence(h)
	case ActArm, ActDisarm:
		w.setDeadman(h, a)
	case ActRoute:
	case ActExit:
		w.say("%s: the supervisor has stopped", h.name)
		w.end(h)
	case ActRefuse:
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
