// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Launched is a launcher started by this process.
type Launched struct {
	// PID of the launcher.
	PID int
	// Done is closed when it has ended.
	Done <-chan struct{}
	// LogStart is the size of the server's log before the start.
	LogStart int64
}

// Start starts the launcher, which starts PostgreSQL, in a session of its own: both outlive this process.
func Start(ctx context.Context, c *config.Config) (*Launched, error) {
	if err := prepare(c); err != nil {
		return nil, err
	}
	size := rotate(c.LogFile)
	log, err := openLog(c)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	l, err := startIn(ctx, c, log)
	if err == nil {
		l.LogStart = size
	}
	return l, err
}

func startIn(ctx context.Context, c *config.Config, log *os.File) (*Launched, error) {
	if c.Managed {
		return startUnit(ctx, c)
	}
	return startChild(c, log)
}

// startChild starts the launcher as a child of this process.
func startChild(c *config.Config, log *os.File) (*Launched, error) {
	cmd := c.OS.Command(c.Launcher, arguments(c)...)
	cmd.Env = append(cmd.Env, environment(c)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Setsid = true
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start of the launcher: %w", err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	return &Launched{PID: cmd.Process.Pid, Done: done}, nil
}

// arguments are the launcher's, with the parameters that nothing may overrule. They hold no secret.
func arguments(c *config.Config) []string {
	return []string{
		"--run-dir", c.DaemonRunDir, "--data-dir", c.DataDir, "--log", c.LogFile, "--", c.Program("postgres"), "-D", c.DataDir,
		"-c", "restart_after_crash=off", "-c", "hot_standby=on", "-c", "wal_log_hints=on",
	}
}

// environment is what PostgreSQL has in its environment beside what every program has.
func environment(c *config.Config) []string {
	// Backends give up what protects the postmaster from the kernel's search for memory.
	return []string{"PGDATA=" + c.DataDir, "PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj"}
}

// prepare makes the directories the server and the launcher need, and lets their account in.
func prepare(c *config.Config) error {
	if c.Launcher == "" {
		return errors.New("path of the launcher is not known")
	}
	if err := makeOwned(c, filepath.Dir(c.LogFile)); err != nil {
		return err
	}
	return makeOwned(c, c.SocketDir)
}

// makeOwned makes a directory for the account unless it is there already.
func makeOwned(c *config.Config, dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("directory for PostgreSQL: %w", err)
	}
	if err := c.OS.Own(dir); err != nil {
		return fmt.Errorf("owner of %s: %w", dir, err)
	}
	return nil
}

const logLimit = 64 << 20

// rotate moves a log that has grown too large aside, and returns the size of what is there now.
func rotate(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	if info.Size() > logLimit && os.Rename(path, path+".1") == nil {
		return 0
	}
	return info.Size()
}

func openLog(c *config.Config) (*os.File, error) {
	f, err := os.OpenFile(c.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("server log: %w", err)
	}
	if !c.OS.Drop {
		return f, nil
	}
	if err := f.Chown(int(c.OS.UID), int(c.OS.GID)); err != nil {
		f.Close()
		return nil, fmt.Errorf("owner of the server log: %w", err)
	}
	return f, nil
}
