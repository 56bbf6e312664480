// SPDX-License-Identifier: Apache-2.0

package core

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	chaosSeeds  = flag.Int("chaos.seeds", 2000, "how many schedules TestChaos plays")
	chaosFrom   = flag.Int64("chaos.from", 1, "the first seed")
	mutantSeeds = flag.Int("chaos.mutants", 4000, "within how many schedules TestMutants must notice")
	chaosSeed   = flag.Int64("chaos.seed", 0, "play and tell this one schedule")
)

// plot is a schedule with the seed of everything it leaves open.
type plot struct {
	seed   int64
	faults []fault
	strict bool
}

func plotOf(seed int64) plot {
	faults, strict := schedule(seed)
	return plot{seed, faults, strict}
}

// play plays a plot to its end and returns the world, with what went wrong.
func (p plot) play(m mutant, tell bool) *chaos {
	w := newChaos(p.seed, m)
	w.judge.strict = p.strict
	if tell {
		w.story = &strings.Builder{}
	}
	for _, f := range p.faults {
		w.at(Instant(f.at), func() { w.inflict(f) })
	}
	w.run(Instant(faultsEnd), nil)
	w.heal()
	if m.any() {
		w.run(w.now.Add(10*Second), nil) // it is safety that must be seen to break
	} else {
		w.recover()
	}
	return w
}

// recover judges liveness: after the faults a primary within three TTLs, and all members streaming soon after.
func (w *chaos) recover() {
	healed := w.now
	w.run(healed.Add(9*Second), func() bool { return w.primary() != nil })
	if len(w.judge.wrong) == 0 && w.primary() == nil {
		w.judge.fail(w, "no primary three TTLs after the faults ended")
	}
	end := healed.Add(20*Second + w.backoffs())
	w.run(end, w.settled)
	if len(w.judge.wrong) == 0 && !w.settled() {
		w.judge.fail(w, "not all members stream in time after the faults ended")
	}
	w.run(w.now.Add(3*Second), nil)
	if len(w.judge.wrong) == 0 && !w.healthy() {
		w.judge.fail(w, "does not stay healthy")
	}
}

// backoffs is how long the failures of before may keep a member waiting.
func (w *chaos) backoffs() Span { return 0 }

// shrink drops faults as long as it still goes wrong.
func (p plot) shrink(m mutant) plot {
	for again := true; again; {
		again = false
		for i := range p.faults {
			q := p
			q.faults = slices.Delete(slices.Clone(p.faults), i, i+1)
			if len(q.play(m, false).judge.wrong) > 0 {
				p, again = q, true
				break
			}
		}
	}
	return p
}

// tell is the story of a plot, and the plot itself as a file of testdata/chaos has it.
func (p plot) tell(m mutant) string {
	w := p.play(m, true)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nseed %d strict %t\n", w.story, p.seed, p.strict)
	for _, f := range p.faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// Ensure no schedule of faults breaks a promise. A failing one is shrunk and told; -chaos.seed tells one again.
func TestChaos(t *testing.T) {
	if *chaosSeed != 0 {
		p := plotOf(*chaosSeed)
		if w := p.play(mutant{}, false); len(w.judge.wrong) > 0 {
			p = p.shrink(mutant{})
			t.Errorf("%v", w.judge.wrong)
		}
		t.Log(p.tell(mutant{}))
		return
	}
	failed := search(mutant{}, *chaosFrom, *chaosSeeds, 10)
	for i, p := range failed {
		t.Errorf("seed %d: %v", p.seed, p.play(mutant{}, false).judge.wrong)
		if i == 0 {
			t.Log(p.shrink(mutant{}).tell(mutant{}))
		}
	}
}

// search plays seeds on all processors and returns the plots that go wrong, at most a number of them.
func search(m mutant, from int64, n, enough int) []plot {
	return searchPlots(m, plotOf, from, n, enough)
}

// searchPlots is search with the plots made by a function.
func searchPlots(m mutant, plotOf func(int64) plot, from int64, n, enough int) []plot {
	var next, found atomic.Int64
	var mu sync.Mutex
	var bad []plot
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for found.Load() < int64(enough) {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				p := plotOf(from + i)
				if w := p.play(m, false); len(w.judge.wrong) > 0 {
					found.Add(1)
					mu.Lock()
					bad = append(bad, p)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	slices.SortFunc(bad, func(a, b plot) int { return int(a.seed - b.seed) })
	return bad
}
