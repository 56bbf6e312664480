// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	m := newModel(Bounds{Nodes: 3, K: 1, Epochs: 2, Commits: 1, Crashes: 0, Lost: 0, Votes: 3, Repairs: 1, States: 1_000_000}, Mutant{})
	w := m.steady()
	t.Logf("store %s", m.stores.at(w.store))
	for i := range 3 {
		t.Logf("%+v", *m.nodes.at(w.nodes[i]))
	}
	began := time.Now()
	r := m.explore(w)
	t.Logf("%d states, depth %d, complete %v, %s; %d nodes %d stores %d steps\n%s", r.States, r.Depth, r.Complete, time.Since(began), len(m.nodes.all), len(m.stores.all), len(m.steps), r.Story)
}
