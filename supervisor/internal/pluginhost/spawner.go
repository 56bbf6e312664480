// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much timers of plugins may be late. Go's runtime looks after itself every 20 µs while a process
// works, and each time wakes up for it; with the kernel's default of 50 µs that was a fifth of what an idle plugin costs.
const timerSlack = 500 * time.Microsecond

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

// run keeps its thread to itself; the thread ends with the goroutine. Processes inherit the thread's timer slack.
func (s *spawner) run() {
	defer close(s.ended)
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) // saves time only
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
