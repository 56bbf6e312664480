// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Exit watches one process.
type Exit struct {
	done chan struct{}
	stop chan struct{}
	once sync.Once
	file *os.File
}

// WatchExit watches a process until it ends or Close is called. It costs no thread and no polling where
// the kernel has pidfds (5.10 and later); elsewhere it looks every 50 ms.
func WatchExit(pid int) *Exit {
	e := &Exit{done: make(chan struct{}), stop: make(chan struct{})}
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	switch {
	case errors.Is(err, unix.ESRCH):
		close(e.done)
	case err != nil:
		go e.poll(pid)
	default:
		e.file = os.NewFile(uintptr(fd), "pidfd")
		go e.wait(pid)
	}
	return e
}

// Done is closed once the process has ended.
func (e *Exit) Done() <-chan struct{} { return e.done }

// Close ends the watch; Done stays open when the process still lives.
func (e *Exit) Close() {
	e.once.Do(func() {
		close(e.stop)
		if e.file != nil {
			_ = e.file.SetReadDeadline(time.Now())
		}
	})
}

// wait parks on the runtime's poller: a pidfd becomes readable when its process ends.
func (e *Exit) wait(pid int) {
	defer e.file.Close()
	raw, err := e.file.SyscallConn()
	if err != nil {
		e.poll(pid)
		return
	}
	err = raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return err == nil && n > 0
	})
	switch {
	case err == nil:
		close(e.done)
	case !e.stopped():
		e.poll(pid)
	}
}

func (e *Exit) stopped() bool {
	select {
	case <-e.stop:
		return true
	default:
		return false
	}
}

func (e *Exit) poll(pid int) {
	first, err := Read(pid)
	if err != nil {
		close(e.done)
		return
	}
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for Same(pid, first.StartTicks) {
		select {
		case <-t.C:
		case <-e.stop:
			return
		}
	}
	close(e.done)
}

// Then calls f once the process has ended; it returns when it has, or when Close is called.
func (e *Exit) Then(f func()) {
	select {
	case <-e.done:
		f()
	case <-e.stop:
	}
}
