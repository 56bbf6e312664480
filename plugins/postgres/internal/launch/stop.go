// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

const (
	// quitPatience is how long an immediate shutdown may take before everything is killed.
	quitPatience = 500 * time.Millisecond
	// reapPatience is how long the launcher may take to bury what is left and to end.
	reapPatience = 2 * time.Second
	// step is how often a process list is looked at while something is dying.
	step = 5 * time.Millisecond
)

// Stop ends the server of the data directory and returns when none of its processes and no launcher of
// it is left: a fast shutdown for as long as patience lasts, then an immediate one, then SIGKILL to every
// process. phase is told what is going on. It works on stopped (SIGSTOP) and orphaned processes too.
func Stop(ctx context.Context, c *config.Config, patience time.Duration, phase func(string)) error {
	pid, err := findServer(c)
	if err != nil {
		return err
	}
	if pid != 0 {
		if err := shutDown(ctx, pid, patience, phase); err != nil {
			return err
		}
	}
	if err := Clear(ctx, c, phase); err != nil {
		return err
	}
	return endLauncher(ctx, c)
}

// findServer finds the server by its own file, or by the launcher's when it has not written one yet; 0
// when there is none.
func findServer(c *config.Config) (int, error) {
	p, running, err := datadir.FindPostmaster(c.DataDir)
	if err != nil || running {
		return p.PID, err
	}
	s, ok := ReadStatus(c.DaemonRunDir)
	if ok && s.DataDir == c.DataDir && proc.Same(s.PostmasterPID, s.PostmasterStartTicks) {
		return s.PostmasterPID, nil
	}
	return 0, nil
}

// shutDown asks the server to end, ever less politely; it returns early when asking is of no use.
func shutDown(ctx context.Context, pid int, patience time.Duration, phase func(string)) error {
	gone := proc.WatchExit(pid)
	defer gone.Close()
	ways := []struct {
		phase  string
		signal syscall.Signal
		limit  time.Duration
	}{{"fast shutdown", syscall.SIGINT, patience}, {"immediate shutdown", syscall.SIGQUIT, quitPatience}}
	for _, w := range ways {
		if w.limit <= 0 || proc.Stopped(pid) {
			continue
		}
		phase(w.phase)
		_ = syscall.Kill(pid, w.signal)
		ended, err := await(ctx, pid, gone, w.limit)
		if ended || err != nil {
			return err
		}
	}
	return nil
}

// await waits for the end of a process, but not for one that was stopped with SIGSTOP.
func await(ctx context.Context, pid int, gone *proc.Exit, limit time.Duration) (ended bool, err error) {
	over := time.NewTimer(limit)
	defer over.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-gone.Done():
			return true, nil
		case <-over.C:
			return false, nil
		case <-look.C:
			if proc.Stopped(pid) {
				return false, nil
			}
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// Clear returns when no process of the data directory is left. Those that do not follow a postmaster's
// end at once by themselves are killed.
func Clear(ctx context.Context, c *config.Config, phase func(string)) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	var waited time.Duration
	for {
		left, err := proc.Occupants(c.DataDir)
		if err != nil {
			return fmt.Errorf("proof that nothing is left: %w", err)
		}
		if len(left) == 0 {
			return nil
		}
		if waited == 0 {
			phase("killing")
		}
		for _, pid := range left {
			kill(c, pid)
		}
		select {
		case <-tick.C:
			waited += step
		case <-ctx.Done():
			return fmt.Errorf("%d processes of the data directory are left: %w", len(left), context.Cause(ctx))
		}
	}
}

// kill looks once more before it kills, for PIDs are used again.
func kill(c *config.Config, pid int) {
	if ours, err := proc.Occupies(pid, c.DataDir); err == nil && ours {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// endLauncher waits for the launcher to bury its children, and ends one that does not.
func endLauncher(ctx context.Context, c *config.Config) error {
	s, ok := ReadStatus(c.DaemonRunDir)
	if !ok || s.DataDir != c.DataDir {
		return nil
	}
	gone := proc.WatchExit(s.PID)
	defer gone.Close()
	ended, err := await(ctx, s.PID, gone, reapPatience)
	if ended || err != nil {
		return err
	}
	if proc.Same(s.PID, s.StartTicks) {
		_ = syscall.Kill(s.PID, syscall.SIGKILL)
	}
	if _, err := await(ctx, s.PID, gone, reapPatience); err != nil {
		return err
	}
	return Clear(ctx, c, func(string) {})
}
