// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"time"

	"golang.org/x/sys/unix"
)

// moment is an instant. What other processes are told of it, and what is compared with that, is of one reading of one
// clock: a process may be kept from running between two readings.
type moment struct {
	time.Time
	boot int64 // CLOCK_BOOTTIME, in nanoseconds
}

func now() moment {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // fails for an unknown clock only
	return moment{time.Now(), t.Nano()}
}
