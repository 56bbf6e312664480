// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// plot is a schedule with the seed of everything it leaves open.
type plot struct {
	seed   int64
	faults []fault
	strict bool
	// durability is Async or Quorum.
	durability string
}

func plotOf(seed int64) plot {
	faults, strict := schedule(seed)
	if !strict { // a leader that is away for longer than a short ttl may be replaced by one that lacks something
		faults = retimed(seed, faults)
	}
	return plot{seed, faults, strict, Async}
}

// plotsOf makes the plots of a durability.
func plotsOf(durability string) func(int64) plot {
	if durability != Async {
		return func(seed int64) plot {
			return plot{seed: seed, faults: retimed(seed, quorumSchedule(seed, durability)), durability: durability}
		}
	}
	return plotOf
}

// play plays a plot to its end and returns the world, with what went wrong.
func (p plot) play(m mutant, tell bool) *world {
	var story *strings.Builder
	if tell {
		story = &strings.Builder{}
	}
	w := newWorld(p.seed, m, p.durability, story)
	w.judge.strict = p.strict
	for _, f := range p.faults {
		w.at(core.Instant(f.at), func() { w.inflict(f) })
	}
	w.run(core.Instant(faultsEnd), nil)
	w.heal()
	if m.any() || w.rolledBack {
		w.run(w.now.Add(10*core.Second), nil) // it is safety alone that is judged: what is lost on too many disks nobody brings back
	} else {
		w.recover()
	}
	return w
}

// recover judges liveness: after the faults a primary within three TTLs, and all members streaming soon after.
func (w *world) recover() {
	healed := w.now
	w.run(healed.Add(3*w.longest), func() bool { return w.acknowledging(healed) })
	if len(w.judge.wrong) == 0 && !w.acknowledging(healed) {
		w.judge.fail(w, "no primary three TTLs after the faults ended")
	}
	end := healed.Add(20*core.Second + 3*(w.longest-ttl) + w.backoffs())
	w.run(end, w.settled)
	if len(w.judge.wrong) == 0 && !w.settled() {
		w.judge.fail(w, "not all members stream in time after the faults ended")
	}
	w.run(w.now.Add(3*core.Second), nil)
	if len(w.judge.wrong) == 0 && !w.healthy() {
		w.judge.fail(w, "does not stay healthy")
	}
}

// backoffs is how long the failures of before may keep a member waiting.
func (w *world) backoffs() core.Span { return 0 }

// shrink drops faults as long as the same promise is broken.
func (p plot) shrink(m mutant) plot {
	broken := p.play(m, false).judge.promise
	for again := true; again; {
		again = false
		for i := range p.faults {
			q := p
			q.faults = slices.Delete(slices.Clone(p.faults), i, i+1)
			if q.play(m, false).judge.promise == broken {
				p, again = q, true
				break
			}
		}
	}
	return p
}

// tell is the story of a plot, and the plot itself as a file of testdata/drills has it.
func (p plot) tell(m mutant) string {
	w := p.play(m, true)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s seed %d strict %t\n", w.story, p.durability, p.seed, p.strict)
	for _, f := range p.faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}
