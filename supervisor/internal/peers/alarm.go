// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"os"
	"syscall"
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
type kernelAlarm struct {
	file *os.File
	conn syscall.RawConn
}

// newKernelAlarm makes an alarm that is not set. What it starts ends with close.
func newKernelAlarm(start func(func()), ring func()) (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timer: %w", err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("timer: %w", err)
	}
	start(func() {
		expirations := make([]byte, 8)
		for {
			if _, err := file.Read(expirations); err != nil {
				return // closed
			}
			ring()
		}
	})
	return kernelAlarm{file, conn}, nil
}

func (a kernelAlarm) set(after time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}
	// Neither can fail but after close.
	_ = a.conn.Control(func(fd uintptr) { _ = unix.TimerfdSettime(int(fd), 0, &spec, nil) })
}

func (a kernelAlarm) close() { a.file.Close() }
