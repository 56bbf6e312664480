// SPDX-License-Identifier: Apache-2.0

package core

import "fmt"

// Instant is a point on this host's CLOCK_BOOTTIME, in nanoseconds. It survives a restart of the daemon, but
// not of the host, and means nothing on another host. 0 is "never".
type Instant int64

// Span is a length of time in nanoseconds.
type Span int64

// Units of Span.
const (
	Millisecond Span = 1_000_000
	Second           = 1000 * Millisecond
)

// Add returns the instant d later.
func (i Instant) Add(d Span) Instant { return i + Instant(d) }

// Sub returns how much later i is than j.
func (i Instant) Sub(j Instant) Span { return Span(i - j) }

// String prints seconds with three decimals, such as "3.250s".
func (d Span) String() string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d.%03ds", sign, d/Second, d%Second/Millisecond)
}

// longer returns d × (1 + ppm/10⁶): how long to wait on our clock to be sure that d has passed on another.
func (d Span) longer(ppm int64) Span { return d + Span(int64(d)/1_000_000*ppm) }

// shorter returns d × (1 − ppm/10⁶): how much of d may be used on our clock.
func (d Span) shorter(ppm int64) Span { return d - Span(int64(d)/1_000_000*ppm) }
