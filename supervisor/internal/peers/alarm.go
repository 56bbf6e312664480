// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm calls a function when it has not been set anew for a span.
type alarm interface {
	// set begins to wait anew; 0 ends waiting.
	set(after time.Duration)
	close()
}

// kernelAlarm is a timer of the kernel. A timer of the runtime that is set anew five times a second wakes the process at each of the
// instants it had been set to, which costs as much as all that was heard.
type kernelAlarm struct{ file *os.File }

// newKernelAlarm makes an alarm that is not set.
func newKernelAlarm(ring func()) (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timer: %w", err)
	}
	a := kernelAlarm{os.NewFile(uintptr(fd), "timerfd")}
	go func() {
		expirations := make([]byte, 8)
		for {
			if _, err := a.file.Read(expirations); err != nil {
				return // closed
			}
			ring()
		}
	}()
	return a, nil
}

func (a kernelAlarm) set(after time.Duration) {
	conn, err := a.file.SyscallConn()
	if err != nil {
		return // closed
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}
	_ = conn.Control(func(fd uintptr) { _ = unix.TimerfdSettime(int(fd), 0, &spec, nil) }) // cannot fail with these arguments
}

func (a kernelAlarm) close() { a.file.Close() }
