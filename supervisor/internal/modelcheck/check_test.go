// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"flag"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	only   = flag.String("scope", "", "search only the scopes whose names contain this")
	states = flag.Int("states", 200_000, "stop a search after so many states; 0 is never")
)

// TestCore searches every scope, to its end or to as many states as were asked for: all shorter stories then were met.
func TestCore(t *testing.T) {
	for _, s := range scopes() {
		if !strings.Contains(s.name, *only) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.bounds.States = *states
			r := s.search(t, Mutant{})
			if r.Broken != "" {
				t.Errorf("broken:\n%s", r.Story)
			}
		})
	}
}

// TestRegains shows that what is searched is not empty: one that was rewound lacks something until it has caught up, has its
// vote back then, and is of the cohort.
func TestRegains(t *testing.T) {
	m := newModel(Bounds{Nodes: 3, K: 1, Epochs: 2}, Mutant{})
	lacking := func(w *world) bool { return m.nodes.at(w.nodes[a]).state.Lacking }
	w := script(rewinding, func(p *player) {
		p.do(evJobDone, a)
		if !lacking(p.w) {
			t.Error("A was rewound and lacks nothing")
		}
		p.calm(a, b, c)
	})(m)
	if lacking(&w) {
		t.Error("A has caught up and lacks something")
	}
	if s := m.stores.at(w.store); members(s.cohort.Value).len() != 3 || !m.nodes.at(w.nodes[a]).pg.fed {
		t.Errorf("the cluster is not whole: %s", s)
	}
}

// search searches a scope and tells how it went.
func (s scope) search(t *testing.T, mu Mutant) Result {
	began := time.Now()
	m := newModel(s.bounds, mu)
	r := m.explore(s.start(m))
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d states, depth %d, complete %t, %s, %d MB; %d nodes, %d stores, %d ticks", r.States, r.Depth, r.Complete,
		time.Since(began).Round(time.Millisecond), mem.HeapInuse>>20, len(m.nodes.all), len(m.stores.all), len(m.steps))
	return r
}
