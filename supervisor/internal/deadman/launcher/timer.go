// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// killTimer is a POSIX timer on CLOCK_BOOTTIME that sends SIGKILL to this very process. The kernel holds it: it needs
// no cooperation of ours once it is set, and no other process can see it or take it away.
type killTimer struct{ id int32 }

// sigevent is struct sigevent of the kernel's 64-bit interface, 64 bytes.
type sigevent struct {
	value  uint64
	signo  int32
	notify int32
	_      [48]byte
}

const sigevSignal = 0 // SIGEV_SIGNAL

func newKillTimer() (*killTimer, error) {
	ev := sigevent{signo: int32(unix.SIGKILL), notify: sigevSignal}
	t := &killTimer{}
	_, _, errno := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_BOOTTIME,
		uintptr(unsafe.Pointer(&ev)), uintptr(unsafe.Pointer(&t.id)))
	if errno != 0 {
		return nil, fmt.Errorf("create kill timer: %w", errno)
	}
	return t, nil
}

// set arms the timer for the absolute instant at, in nanoseconds; 0 disarms. An instant in the past kills at once.
func (t *killTimer) set(at int64) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at)}
	_, _, errno := unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(t.id), unix.TFD_TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("set kill timer: %w", errno)
	}
	return nil
}

// softTimer wakes the launcher ahead of the kill timer, on the same clock. A time.Timer would not do: it stands still
// while the host is suspended.
type softTimer struct {
	fd   int
	file *os.File // owns fd
}

func newSoftTimer() (*softTimer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create timer descriptor: %w", err)
	}
	return &softTimer{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}, nil
}

// set arms the timer SoftLead ahead of at; 0 disarms.
func (t *softTimer) set(at int64) error {
	var spec unix.ItimerSpec
	if at != 0 {
		spec.Value = unix.NsecToTimespec(max(at-int64(deadman.SoftLead), 1))
	}
	if err := unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("set timer descriptor: %w", err)
	}
	return nil
}

// run tells fired of every expiry; it returns when the descriptor cannot be read any more.
func (t *softTimer) run(fired chan<- struct{}) {
	var count [8]byte
	for {
		if _, err := t.file.Read(count[:]); err != nil {
			return
		}
		fired <- struct{}{}
	}
}
