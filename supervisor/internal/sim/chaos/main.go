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
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/sim"
)

// failuresEnough ends a search.
const failuresEnough = 5

func main() {
	seeds := flag.Int("seeds", 20000, "how many schedules to play: three in four from seed 1, the rest from a new seed")
	from := flag.Int64("from", 0, "play all of them from this seed")
	seed := flag.Int64("seed", 0, "play and tell this one schedule")
	durability := flag.String("durability", sim.Quorum, "of the clusters: async or quorum")
	flag.Parse()
	var ok bool
	switch {
	case *seed != 0:
		ok = tell(os.Stdout, sim.Play(*durability, *seed))
	case *from != 0:
		ok = search(os.Stdout, *durability, *from, *seeds)
	default:
		ok = search(os.Stdout, *durability, 1, *seeds*3/4)
		ok = search(os.Stdout, *durability, 1_000_000+rand.Int64N(1<<40), *seeds-*seeds*3/4) && ok
	}
	if !ok {
		os.Exit(1)
	}
}

// search plays schedules and says how it goes, every ten seconds and at the end.
func search(out io.Writer, durability string, from int64, n int) bool {
	began := time.Now()
	said := began
	fmt.Fprintf(out, "seeds %d to %d\n", from, from+int64(n)-1)
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
