// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Failure is a schedule that broke a promise.
type Failure struct {
	Seed  int64
	Wrong []string
	// Story tells the schedule with every fault dropped that it breaks without, and ends with what is left as a drill has it.
	Story string
}

// Search plays n seeds of a durability from one on, on all processors, until enough of them failed. It calls progress, which may be nil, after each
// schedule with how many were played; one call at a time. Only the first failure is told, the search for its story takes long.
func Search(durability string, from int64, n, enough int, progress func(played int)) []Failure {
	var out []Failure
	for i, p := range searchPlots(mutant{}, plotsOf(durability), from, n, enough, progress) {
		f := Failure{Seed: p.seed, Wrong: p.play(mutant{}, false).judge.wrong}
		if i == 0 {
			f.Story = p.shrink(mutant{}).tell(mutant{})
		}
		out = append(out, f)
	}
	return out
}

// Play plays one seed and tells it, shrunk if it fails.
func Play(durability string, seed int64) Failure {
	p := plotsOf(durability)(seed)
	wrong := p.play(mutant{}, false).judge.wrong
	if len(wrong) > 0 {
		p = p.shrink(mutant{})
	}
	return Failure{Seed: seed, Wrong: wrong, Story: p.tell(mutant{})}
}

// searchPlots plays the plots that a function makes of seeds, and returns those that go wrong, by seed.
func searchPlots(m mutant, plotOf func(int64) plot, from int64, n, enough int, progress func(int)) []plot {
	var next, found atomic.Int64
	var mu sync.Mutex
	var bad []plot
	var all sync.WaitGroup
	played := 0
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for found.Load() < int64(enough) {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				p := plotOf(from + i)
				wrong := len(p.play(m, false).judge.wrong) > 0
				mu.Lock()
				if wrong {
					found.Add(1)
					bad = append(bad, p)
				}
				if played++; progress != nil {
					progress(played)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.SortFunc(bad, func(a, b plot) int { return int(a.seed - b.seed) })
	return bad
}
