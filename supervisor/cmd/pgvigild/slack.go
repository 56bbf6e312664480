// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much timers may be late, as in the unit file. Go's runtime looks after itself every 20 µs while a
// process works; with the kernel's default of 50 µs that is a fifth of what an idle daemon costs.
const timerSlack = 500 * time.Microsecond

// allowLateTimers begins the program again if it was started with less slack: the runtime's own thread is there before main,
// and only what a process was begun with reaches it. It saves time only, so whatever fails is left as it is.
func allowLateTimers() {
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || now >= int(timerSlack) {
		return
	}
	path, err := os.Executable()
	if err != nil {
		return
	}
	runtime.LockOSThread() // its slack is what the new program inherits
	defer runtime.UnlockOSThread()
	if unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) == nil {
		_ = syscall.Exec(path, os.Args, os.Environ())
	}
}
