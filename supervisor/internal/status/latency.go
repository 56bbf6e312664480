// SPDX-License-Identifier: Apache-2.0

package status

import (
	"math"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Buckets of a Latency: the first ends at latencyFirst, and each ends at 2^¼ times the end of the one before: the last at about 3.3 s.
const (
	latencyBuckets = 64
	latencyFirst   = 50_000 // ns
	// latencyKept is how many times are remembered: more make all older ones count half.
	latencyKept = 4096
)

// Latency is how long calls took, within a fifth. The zero Latency has none.
type Latency struct {
	n      int
	counts [latencyBuckets]int
}

// Add counts a call.
func (l *Latency) Add(took core.Span) {
	if l.n >= latencyKept {
		l.n = 0
		for i := range l.counts {
			l.counts[i] /= 2
			l.n += l.counts[i]
		}
	}
	i := 0
	if took > latencyFirst {
		i = min(int(math.Ceil(4*math.Log2(float64(took)/latencyFirst))), latencyBuckets-1)
	}
	l.counts[i]++
	l.n++
}

// Count tells how many calls are remembered.
func (l *Latency) Count() int { return l.n }

// Quantile is a time that a share q of the calls did not exceed; 0 without any.
func (l *Latency) Quantile(q float64) core.Span {
	rank := int(math.Ceil(q * float64(l.n)))
	for i, n := range l.counts {
		if rank -= n; n > 0 && rank <= 0 {
			return core.Span(latencyFirst * math.Exp2(float64(i)/4))
		}
	}
	return 0
}
