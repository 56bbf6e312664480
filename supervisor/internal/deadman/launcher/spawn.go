// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// adopt makes this process the one that orphaned descendants are given to, and gives it a session of its own.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	// Fails for a process group leader, which is one because whoever started it saw to that already.
	_, _ = unix.Setsid()
	return nil
}

// defaultTimerSlack is the kernel's, in nanoseconds.
const defaultTimerSlack = 50_000

// spawn forks the postmaster. The caller's goroutine must be locked to a thread that never ends.
//
// The postmaster gets a process group of its own within this session, not a session of its own. Its parent's death then
// orphans that group, and the kernel sends SIGHUP and SIGCONT to an orphaned group that has a stopped member. So a
// stopped postmaster wakes up to the SIGQUIT of PR_SET_PDEATHSIG instead of keeping it pending while its backends work.
func spawn(command []string, output *os.File) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, fmt.Errorf("standard input: %w", err)
	}
	defer null.Close()
	// Whoever started us may be content with later timers than PostgreSQL is.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, defaultTimerSlack, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("timer slack: %w", err)
	}
	pid, err := syscall.ForkExec(command[0], command, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", command[0], err)
	}
	return pid, nil
}

// detach points the standard descriptors away from whoever started us, who may be waiting for them to close: from here
// on there is nothing to tell it. Output that is standard error itself stays where it is.
func detach(output *os.File) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("detach: %w", err)
	}
	defer null.Close()
	from := []*os.File{null, output, output}
	if output == os.Stderr {
		from = from[:1]
	}
	for fd, f := range from {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return fmt.Errorf("detach descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// ended is what the kernel says of the postmaster's end.
type ended struct{ status unix.WaitStatus }

// reap collects every child until none is left, which with a subreaper means: no descendant is left. It tells of the
// postmaster, and closes empty at the end.
func reap(postmaster int, exits chan<- ended, empty chan<- struct{}) {
	defer close(empty)
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil { // ECHILD; nothing else is possible with these arguments
			return
		}
		if pid == postmaster {
			exits <- ended{status: ws}
		}
	}
}
