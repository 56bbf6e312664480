// SPDX-License-Identifier: Apache-2.0

package status

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure quantiles are right within a fifth, and outliers of long ago are forgotten.
func TestLatency(t *testing.T) {
	var l Latency
	if l.Count() != 0 || l.Quantile(0.5) != 0 {
		t.Error("something of nothing")
	}
	for i := range 1000 {
		l.Add(core.Span(i+1) * core.Millisecond)
	}
	for q, want := range map[float64]core.Span{0.5: 500, 0.9: 900, 0.99: 990, 1: 1000, 0.001: 1} {
		if got := l.Quantile(q); got < want*core.Millisecond || got > want*core.Millisecond*6/5 {
			t.Errorf("quantile %g: %s, want %d ms", q, got, want)
		}
	}
	for range 10 * latencyKept {
		l.Add(0)
	}
	if got := l.Quantile(1); got > core.Millisecond || l.Count() > latencyKept {
		t.Errorf("slowest of %d: %s", l.Count(), got)
	}
	l.Add(3600 * core.Second)
	if got := l.Quantile(1); got < 2*core.Second {
		t.Errorf("slowest: %s", got)
	}
}
