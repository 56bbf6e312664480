// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"os/exec"
	"runtime"
)

// spawner starts processes from one operating system thread that lives as long as the spawner: the kernel
// delivers a parent-death signal when the *thread* that forked ends, and Go ends threads as it likes.
type spawner struct {
	requests chan spawnRequest
	ended    chan struct{}
}

type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error
}

// startSpawner must be matched by close, once no process it started is left.
func startSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), ended: make(chan struct{})}
	go s.run()
	return s
}

// run keeps its thread to itself; the thread ends with the goroutine.
func (s *spawner) run() {
	defer close(s.ended)
	runtime.LockOSThread()
	for r := range s.requests {
		r.done <- r.cmd.Start()
	}
}

// start is cmd.Start on the spawner's thread.
func (s *spawner) start(ctx context.Context, cmd *exec.Cmd) error {
	r := spawnRequest{cmd, make(chan error, 1)}
	select {
	case s.requests <- r:
		return <-r.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *spawner) close() {
	close(s.requests)
	<-s.ended
}
