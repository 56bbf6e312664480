// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

func try(t *testing.T, name string, b Bounds) {
	m := newModel(b, Mutant{})
	w := m.steady()
	began := time.Now()
	r := m.explore(w)
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Fprintf(os.Stderr, "%s %+v: %d states, depth %d, complete %v, %s; %d nodes %d stores %d steps %d MB\n%s", name, b, r.States, r.Depth, r.Complete, time.Since(began), len(m.nodes.all), len(m.stores.all), len(m.steps), ms.Sys>>20, r.Story)
}

func TestTry(t *testing.T) {
	try(t, "votes2", Bounds{Nodes: 3, K: 1, Epochs: 2, Commits: 1, Votes: 2, Repairs: 1, States: 1_000_000})
	try(t, "votes3", Bounds{Nodes: 3, K: 1, Epochs: 2, Commits: 1, Votes: 3, Repairs: 1, States: 1_000_000})
	try(t, "crash1", Bounds{Nodes: 3, K: 1, Epochs: 2, Commits: 0, Votes: 2, Repairs: 1, Crashes: 1, States: 1_000_000})
	try(t, "absent", Bounds{Nodes: 3, K: 1, Epochs: 1, Commits: 1, Votes: 0, Repairs: 1, Absences: 2, States: 1_000_000})
}
