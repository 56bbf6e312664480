// SPDX-License-Identifier: Apache-2.0

package pluginhost

import "time"

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 30 * time.Second
	// A plugin that ran for ten times the last wait, within these bounds, did its work meanwhile: its earlier failures are
	// forgotten, and it is back within a fraction of the shortest TTL.
	leastGoodRun = time.Second
	mostGoodRun  = 60 * time.Second
)

// backoff is the time to wait before the next start: doubled with every failure.
type backoff struct{ last time.Duration }

// next tells how long to wait after a run of the given length, 0 for a start that failed.
func (b *backoff) next(ran time.Duration) time.Duration {
	switch {
	case ran >= min(max(leastGoodRun, 10*b.last), mostGoodRun), b.last == 0:
		b.last = firstBackoff
	default:
		b.last = min(2*b.last, lastBackoff)
	}
	return b.last
}
