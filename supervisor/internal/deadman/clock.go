// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// BootNow returns the CLOCK_BOOTTIME reading in nanoseconds: time since boot, suspend included, never stepped. All
// deadlines of this package are on this clock, which every process of the host shares.
func BootNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// Linux has had this clock since 2.6.39 and the call has no other way to fail.
		panic(fmt.Sprintf("read CLOCK_BOOTTIME: %v", err))
	}
	return ts.Nano()
}
