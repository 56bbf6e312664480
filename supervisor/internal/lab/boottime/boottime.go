// SPDX-License-Identifier: Apache-2.0

// Package boottime reads the clock that the lab stamps everything with.
package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Instant is a reading of CLOCK_BOOTTIME in nanoseconds. All nodes of a lab share one kernel, so the instants of
// different nodes can be compared.
type Instant int64

// Now reads the clock. It cannot fail on Linux.
func Now() Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("CLOCK_BOOTTIME: " + err.Error())
	}
	return Instant(ts.Nano())
}

// Sub returns i − j.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Add returns i + d.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }
