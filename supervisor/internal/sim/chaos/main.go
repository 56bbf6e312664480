// SPDX-License-Identifier: Apache-2.0

// Command chaos plays simulated clusters under faults: fixed seeds, fresh ones, or one that is told. It exits with 1 when a
// schedule breaks a promise, after the story of the first one, shrunk.
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/sim"
)

// failuresEnough ends a search.
const failuresEnough = 5

func main() {
	debug.SetGCPercent(400) // much is made and little kept
	seeds := flag.Int("seeds", 20000, "how many schedules to play of each durability: three in four from seed 1, the rest from a new seed")
	from := flag.Int64("from", 0, "play all of them from this seed")
	seed := flag.Int64("seed", 0, "play and tell this one schedule")
	durability := flag.String("durability", "", "async, quorum or rollback; with -seed it is quorum otherwise, else both are played")
	flag.Parse()
	kinds := []string{sim.Async, sim.Quorum}
	if *durability != "" {
		kinds = []string{*durability}
	}
	if *seed != 0 {
		if !tell(os.Stdout, sim.Play(kinds[len(kinds)-1], *seed)) {
			os.Exit(1)
		}
		return
	}
	ok := true
	for _, kind := range kinds {
		switch {
		case *from != 0:
			ok = search(os.Stdout, kind, *from, *seeds) && ok
		default:
			ok = search(os.Stdout, kind, 1, *seeds*3/4) && ok
			ok = search(os.Stdout, kind, 1_000_000+rand.Int64N(1<<40), *seeds-*seeds*3/4) && ok
		}
	}
	if !ok {
		os.Exit(1)
	}
}

// search plays schedules and says how it goes, every ten seconds and at the end.
func search(out io.Writer, durability string, from int64, n int) bool {
	began := time.Now()
	said := began
	fmt.Fprintf(out, "%s, seeds %d to %d\n", durability, from, from+int64(n)-1)
	failed := sim.Search(durability, from, n, failuresEnough, func(played int) {
		if now := time.Now(); now.Sub(said) >= 10*time.Second || played == n {
			said = now
			fmt.Fprintf(out, "  %d of %d schedules, %.0f a minute\n", played, n, float64(played)/now.Sub(began).Minutes())
		}
	})
	for _, f := range failed {
		tell(out, f)
	}
	return len(failed) == 0
}

// tell prints a schedule, and returns whether it broke nothing.
func tell(out io.Writer, f sim.Failure) bool {
	for _, wrong := range f.Wrong {
		fmt.Fprintf(out, "seed %d: %s\n", f.Seed, wrong)
	}
	fmt.Fprint(out, f.Story)
	return len(f.Wrong) == 0
}
