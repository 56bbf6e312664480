// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// unitDir is where units look for what to start, each in the directory of its cluster.
const unitDir = "/run/pgvigil"

// CheckUnit tells why PostgreSQL cannot be started in a unit, as far as that can be told from the configuration.
func CheckUnit(c *config.Config) error {
	if want := filepath.Join(unitDir, c.Cluster); c.Managed && c.DaemonRunDir != want {
		return fmt.Errorf("%s looks for what to start in %s, and run_dir is %s: leave run_dir out", c.Unit(), want, c.DaemonRunDir)
	}
	return nil
}

// request is what the launcher finds when systemd has started it. Without arguments it starts nothing.
type request struct {
	Args    []string `json:"args"`
	Env     []string `json:"env"`
	UntilNs int64    `json:"until_ns"`
}

// startPatience is how long systemd may take to start a launcher that has started PostgreSQL.
const startPatience = 10 * time.Second

// Rehearse has systemd start a launcher that starts nothing: what keeps PostgreSQL from being started in its unit is told before
// anything is changed on disk.
func Rehearse(ctx context.Context, c *config.Config) error {
	patient, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := ask(patient, c, request{}); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return awaitEnd(patient, c.Unit())
}

// startUnit has systemd start the launcher, and that PostgreSQL.
func startUnit(ctx context.Context, c *config.Config) (*Launched, error) {
	patient, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := ask(patient, c, request{Args: arguments(c), Env: environment(c)}); err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	return launched(c), nil
}

// ask leaves a request and has systemd start the launcher, which takes the request away before it does anything: what is still
// there afterwards will not be acted upon once it is removed.
func ask(ctx context.Context, c *config.Config, r request) error {
	path := filepath.Join(c.DaemonRunDir, "launcher.start")
	if err := writeRequest(c, path, r); err != nil {
		return fmt.Errorf("request to the launcher: %w", err)
	}
	err := startJob(ctx, c.Unit())
	switch withdrawn := os.Remove(path) == nil; {
	case errors.Is(err, ErrNoAnswer) && !withdrawn:
		return fmt.Errorf("%w, but its launcher has begun: %w", err, context.DeadlineExceeded)
	case err == nil && withdrawn:
		return fmt.Errorf("%s runs already and has no PostgreSQL of ours: see systemctl status", c.Unit())
	}
	return err
}

func writeRequest(c *config.Config, path string, r request) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return err
	}
	r.UntilNs = now.Nano() + int64(startPatience)
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	if err := c.OS.Own(path + ".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// launched is the launcher that has just written its file, and may have ended since.
func launched(c *config.Config) *Launched {
	s, ok := ReadStatus(c.DaemonRunDir)
	if !ok {
		ended := make(chan struct{})
		close(ended)
		return &Launched{Done: ended}
	}
	return &Launched{PID: s.PID, Done: proc.WatchExit(s.PID).Done()}
}
