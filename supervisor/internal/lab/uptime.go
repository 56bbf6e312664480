// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// uptimeStep is by how much each host seems to have been up for longer than the one before it.
const uptimeStep = 40 * time.Hour

// uptime moves the children of the calling thread to a time namespace in which the host has been up for longer, as no two
// real hosts were switched on at the same moment: instants of CLOCK_BOOTTIME of one host mean nothing on another.
func uptime(ahead time.Duration) error {
	if ahead == 0 {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return fmt.Errorf("time namespace: %w", err)
	}
	offsets := fmt.Sprintf("monotonic %d 0\nboottime %d 0\n", int64(ahead.Seconds()), int64(ahead.Seconds()))
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid()), []byte(offsets), 0); err != nil {
		return fmt.Errorf("time namespace: %w", err)
	}
	return nil
}
