// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
)

// TestLagLimit: a replica leaves with the very Apply that shows it beyond the limit, also when none is left then, and is back
// with the one that shows it within. Health checks tell nothing here.
func TestLagLimit(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		body := bodyFor(l.haproxy)
		body["max_lag"] = 1000
		c := newClient(t, body)
		for _, step := range []struct {
			lag1, lag2 uint64
			reached    []string
		}{
			{0, 1000, []string{"m1", "m2"}},
			{0, 1001, []string{"m1"}},
			{1001, 1 << 40, []string{""}},
			{1000, 1 << 40, []string{"m1"}},
			{0, 1000, []string{"m1", "m2"}},
		} {
			routes := routesTo(5, nil, l.m1, l.m2)
			routes.Replicas[0].LagBytes, routes.Replicas[1].LagBytes = step.lag1, step.lag2
			c.apply(t, routes)
			if got := l.reached(t); !slices.Equal(got, step.reached) {
				t.Errorf("lags %d and %d: reads reach %q, want %q", step.lag1, step.lag2, got, step.reached)
			}
		}
	})
}

// reached are the members that new sessions for reads get to; the empty name is nobody.
func (l *lab) reached(t *testing.T) []string {
	t.Helper()
	var names []string
	for range 6 {
		names = append(names, l.connect(t, "replica").Member)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
