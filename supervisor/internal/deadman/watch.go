// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch returns nil as soon as p has ended (a zombie has ended), or the error of ctx. It needs no thread while it waits,
// and p need not be a child.
func Watch(ctx context.Context, p Process) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch process %d: %w", p.PID, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("watch process %d: %w", p.PID, err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	if !p.Alive() {
		return nil
	}
	return waitReadable(ctx, f)
}

// waitReadable parks until f, a descriptor the poller can watch, is readable.
func waitReadable(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for descriptor: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(readable)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func readable(fd uintptr) bool {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, 0)
	return err == nil && n > 0
}
