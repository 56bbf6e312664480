// SPDX-License-Identifier: Apache-2.0

package api

import (
	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// boottime reads CLOCK_BOOTTIME, on which leaderships end. A clock that cannot be read is past every deadline.
func boottime() core.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return core.Instant(1<<63 - 1)
	}
	return core.Instant(ts.Nano())
}
