// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"container/heap"
	"fmt"
	"math/rand"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// memberNames are the hosts of a world.
var memberNames = []string{"a", "b", "c"}

// world is a cluster whose every part may fail: the real core on every host, over models of the DCS, PostgreSQL, the
// deadman and the shell, with messages under way, answers lost and clocks that disagree. Everything follows from the seed.
//
// Two clocks: now is the true time, which nobody in the model sees; each host has its own, faster or slower.
type world struct {
	now    core.Instant
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
	// longest is the longest TTL that any host was ever given.
	longest core.Span
	// quorum says that durability is by quorum: then PostgreSQL is modelled process by process. archived is whether there is an
	// archive, archive what it has, a history for each branch.
	quorum   bool
	archived bool
	// rolledBack says that some host was put back to an older disk.
	rolledBack bool
	archive    []wal
}

// event is something that happens at a true time; seq orders those of one instant.
type event struct {
	at  core.Instant
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

// ttl is what every host begins with, and ends with.
const ttl = 3 * core.Second

func newWorld(seed int64, m mutant, durability string, story *strings.Builder) *world {
	w := &world{rng: rand.New(rand.NewSource(seed)), broken: m, now: core.Instant(core.Second), story: story, longest: ttl}
	w.store.view = &core.View{}
	w.judge.begin()
	members, adapt := memberNames, func(*core.Policy) {}
	if durability != Async {
		members, adapt = w.makeQuorum()
	}
	for i, name := range members {
		h := &host{name: name, trouble: map[string]int{}, ppm: w.rng.Int63n(10_001) - 5_000, policy: core.Policy{
			Self: core.Self{Name: name, Instance: "i-" + name, API: name, Host: name, Port: 5432, Priority: 1},
			TTL:  ttl, DriftPPM: 10_000, MaximumLag: 1 << 20, StopPatience: 2 * core.Second, StartTimeout: 60 * core.Second, Rewind: true, Reclone: true,
		}}
		adapt(&h.policy)
		if m.wildClocks {
			h.ppm *= 20
		}
		h.pg.pid = 1000 * (i + 1)
		w.hosts = append(w.hosts, h)
		w.at(w.now.Add(w.span(0, 200*core.Millisecond)), func() { w.boot(h) })
	}
	w.flow()
	return w
}

// span draws a span.
func (w *world) span(from, to core.Span) core.Span {
	return from + core.Span(w.rng.Int63n(int64(to-from)+1))
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) at(t core.Instant, do func()) {
	w.seq++
	heap.Push(&w.queue, event{max(t, w.now), w.seq, do})
}

func (w *world) after(d core.Span, do func()) { w.at(w.now.Add(d), do) }

// run lets the world go on until a true time, or until something is wrong, or a condition holds.
func (w *world) run(end core.Instant, until func() bool) {
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

func (w *world) say(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, "%9s  %s\n", w.now.Sub(0), fmt.Sprintf(format, args...))
	}
}

func (w *world) trueTime(h *host, i core.Instant) core.Instant {
	return h.bootAt + core.Instant(int64(i-core.Instant(core.Second))/1000*1_000_000/(1_000_000+h.ppm)*1000) + 2000
}

func (w *world) linked(a, b *host) bool {
	return a.up && b.up && a.trouble["cut"] == 0 && b.trouble["cut"] == 0 && a.trouble["cut-"+b.name] == 0 && b.trouble["cut-"+a.name] == 0
}
