// SPDX-License-Identifier: Apache-2.0

// Package container boots a Debian with a systemd of its own (contrib/lab/systemd.sh) on this machine, for tests of what needs
// one: units, notifications, the journal.
package container

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed boot.sh
var bootScript string

// Container is a host that runs.
type Container struct {
	boot   *exec.Cmd
	ended  chan struct{}
	output bytes.Buffer
	group  string
	// init is its first process, as seen from here.
	init int
}

// Root is the directory of the system to boot: PGVIGIL_TEST_SYSTEMD, or what contrib/lab/systemd.sh keeps.
func Root() (string, error) { return root("PGVIGIL_TEST_SYSTEMD", "systemd-trixie", "") }

// RootWithApt is that of a system without PostgreSQL, whose apt has packages to install: PGVIGIL_TEST_APT.
func RootWithApt() (string, error) { return root("PGVIGIL_TEST_APT", "systemd-trixie-apt", " --apt") }

func root(variable, usual, option string) (string, error) {
	dir := cmp.Or(os.Getenv(variable), filepath.Join("/var/cache/pgvigil", usual))
	if _, err := os.Stat(filepath.Join(dir, "usr/lib/systemd/systemd")); err != nil {
		return "", fmt.Errorf("no system to boot (%s=$(contrib/lab/systemd.sh%s) makes one): %w", variable, option, err)
	}
	return dir, nil
}

// Boot returns when the host has started its services. What it writes is kept in dir; a host that is booted there again finds it.
func Boot(ctx context.Context, root, dir string) (*Container, error) {
	return BootIn(ctx, root, dir, "")
}

// BootIn is Boot in a network namespace that is there; empty gives the host one of its own, with nothing but a loopback interface.
func BootIn(ctx context.Context, root, dir, network string) (*Container, error) {
	hierarchy, err := unified()
	if err != nil {
		return nil, err
	}
	c := &Container{ended: make(chan struct{}), group: filepath.Join(hierarchy, filepath.Base(dir))}
	if err := os.Mkdir(c.group, 0o755); err != nil {
		return nil, err
	}
	c.boot = exec.Command("sh", "-c", bootScript, "boot.sh", root, dir, c.group, network)
	c.boot.Stdout, c.boot.Stderr = &c.output, &c.output
	if err := c.start(); err != nil {
		return nil, errors.Join(err, c.removeGroup())
	}
	if err := c.await(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// start begins the boot. The host ends with this process, whatever ends that: the kernel sees to it when the thread ends that
// started it, which therefore waits for it.
func (c *Container) start() error {
	c.boot.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.boot.Start()
		started <- err
		if err == nil {
			_ = c.boot.Wait()
			close(c.ended)
		}
	}()
	return <-started
}

// unified is where the hierarchy of control groups is that systemd wants for itself.
func unified() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no cgroup2 file system in /sys/fs/cgroup")
}

// await waits until the first process is systemd, and that has started what it should.
func (c *Container) await(ctx context.Context) error {
	for {
		if c.init = c.child(); c.init != 0 {
			state, _ := c.Exec(ctx, "systemctl", "is-system-running", "--wait")
			if state == "running" || state == "degraded" {
				return nil
			}
		}
		select {
		case <-c.ended:
			return fmt.Errorf("container did not boot: %s", c.output.String())
		case <-ctx.Done():
			return fmt.Errorf("container: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// child is the one process that boot started; 0 before it has.
func (c *Container) child() int {
	pid := strconv.Itoa(c.boot.Process.Pid)
	text, _ := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	child, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return child
}

// Command is a program that is to run on the host.
func (c *Container) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	enter := []string{
		"--target", strconv.Itoa(c.init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"env", "-i", "PATH=/usr/sbin:/usr/bin", "LANG=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", name,
	}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// Exec runs a program on the host and returns what it printed, without the last line break. The error has what it complained of.
func (c *Container) Exec(ctx context.Context, name string, args ...string) (string, error) {
	cmd := c.Command(ctx, name, args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, complaints.String())
	}
	return strings.TrimSuffix(string(out), "\n"), err
}

// Path is where a file of the host is to be found from here.
func (c *Container) Path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(c.init), "root", name)
}

// Wait returns when the host has gone down by itself.
func (c *Container) Wait(ctx context.Context) error {
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("container is still up: %w", ctx.Err())
	}
}

// Close ends everything on the host, as a loss of power would.
func (c *Container) Close() error {
	err := os.WriteFile(filepath.Join(c.group, "cgroup.kill"), []byte("1"), 0)
	<-c.ended
	return errors.Join(err, c.removeGroup())
}

// removeGroup removes the control groups, whose processes may take a moment to be gone.
func (c *Container) removeGroup() error {
	var groups []string
	err := filepath.WalkDir(c.group, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			groups = append(groups, path)
		}
		return err
	})
	slices.Reverse(groups) // the innermost first
	for _, dir := range groups {
		for end := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
			if rm := os.Remove(dir); rm == nil || time.Now().After(end) {
				err = errors.Join(err, rm)
				break
			}
		}
	}
	return err
}
