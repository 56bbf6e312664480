// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

// children starts processes and buries every one that ends, also those whose parent ended before them: that is what a
// first process is for.
type children struct {
	mu    sync.Mutex
	ended map[int]chan error // by process id, of those started here
}

func newChildren() *children {
	c := &children{ended: make(map[int]chan error)}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	go func() {
		for range signals {
			c.bury()
		}
	}()
	return c
}

func (c *children) start(p vm.Program) (int, error) {
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	// Held until the process is entered, so that one that ends at once is not buried unknown.
	c.mu.Lock()
	defer c.mu.Unlock()
	pid, err := syscall.ForkExec(p.Path, append([]string{p.Path}, p.Args...), &syscall.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: []uintptr{null.Fd(), out.Fd(), out.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uint32(p.UID), Gid: uint32(p.GID)}},
	})
	if err != nil {
		return 0, err
	}
	c.ended[pid] = make(chan error, 1)
	return pid, nil
}

// wait returns once for each process, with the way it ended.
func (c *children) wait(pid int) error {
	c.mu.Lock()
	ended, ok := c.ended[pid]
	c.mu.Unlock()
	if !ok {
		return fmt.Errorf("process %d was not started here", pid)
	}
	return <-ended
}

// bury takes leave of all that have ended.
func (c *children) bury() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if ended, ok := c.ended[pid]; ok {
			ended <- verdict(status)
		}
	}
}

func verdict(status unix.WaitStatus) error {
	switch {
	case status.Signaled():
		return fmt.Errorf("ended by signal %d", status.Signal())
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return nil
}
