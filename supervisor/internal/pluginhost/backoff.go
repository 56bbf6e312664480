// SPDX-License-Identifier: Apache-2.0

package pluginhost

import "time"

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 30 * time.Second
	// goodRun is how long a plugin must have run for its earlier failures to be forgotten.
	goodRun = 60 * time.Second
)

// backoff is the time to wait before the next start: doubled with every failure.
type backoff struct{ last time.Duration }

// next tells how long to wait after a run of the given length, 0 for a start that failed.
func (b *backoff) next(ran time.Duration) time.Duration {
	switch {
	case ran >= goodRun, b.last == 0:
		b.last = firstBackoff
	default:
		b.last = min(2*b.last, lastBackoff)
	}
	return b.last
}
