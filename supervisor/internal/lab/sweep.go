// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stem begins the names of the directories that labs make for themselves.
const stem = "/tmp/pgvigil-lab-"

// NewDir makes an empty directory for a lab. If this process ends without removing it, the next lab made here sweeps up
// what it holds and what runs in it.
func NewDir() (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(stem), filepath.Base(stem))
	if err != nil {
		return "", err
	}
	return dir, Claim(dir)
}

// Reclaim ends what still runs in a directory that a process claimed which is gone, and removes the directory. Any other
// directory is left as it is.
func Reclaim(dir string) error {
	if !abandoned(filepath.Join(dir, "owner")) {
		return nil
	}
	return sweepDir(dir)
}

// sweep ends and removes what labs left behind whose own process ended without closing them, as a test that runs into its
// time limit does.
func sweep() error {
	var errs []error
	dirs, _ := filepath.Glob(stem + "*/owner")
	for _, file := range dirs {
		if abandoned(file) {
			errs = append(errs, sweepDir(filepath.Dir(file)))
		}
	}
	spaces, _ := filepath.Glob("/run/netns/pgv-*")
	for _, path := range spaces {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), "pgv-"), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && started(pid) == "" && os.Geteuid() == 0 {
			errs = append(errs, remove(path))
		}
	}
	return errors.Join(errs...)
}

// Claim writes down that a directory belongs to this process: its id and start time, which no later process shares.
func Claim(dir string) error {
	return os.WriteFile(filepath.Join(dir, "owner"), fmt.Appendf(nil, "%d %s\n", os.Getpid(), started(os.Getpid())), 0o644)
}

// abandoned tells whether the process that claimed a directory of this user's is gone.
func abandoned(file string) bool {
	info, err := os.Stat(file)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return false
	}
	pid, err := strconv.Atoi(fields[0])
	return err == nil && started(pid) != fields[1]
}

// started is the start time of a process in clock ticks since boot; empty when there is none.
func started(pid int) string {
	stat, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

func sweepDir(dir string) error {
	for end := time.Now().Add(10 * time.Second); ; {
		left := inside(dir)
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("process %d (%s) of the abandoned lab in %s does not end", left[0].PID, left[0].Title, dir)
		}
		signalAll(left, syscall.SIGKILL)
		<-time.After(5 * time.Millisecond)
	}
	return errors.Join(unmountAll(dir), os.RemoveAll(dir))
}

// inside lists the processes of a lab's kind that run in a directory or name it.
func inside(dir string) []Process {
	var found []Process
	for _, p := range scan() {
		if p.known() && p.touches(dir) {
			found = append(found, p)
		}
	}
	return found
}

func (p Process) known() bool {
	switch p.Program {
	case "postgres", "etcd", "haproxy", "keepalived", "pgbouncer":
		return true
	}
	patroni := strings.HasPrefix(p.Program, "python") && strings.Contains(p.Title, "/patroni.yml")
	return patroni || strings.HasPrefix(p.Program, "pgvigil") || strings.HasPrefix(p.Program, "pg_") || emulates(p.Program)
}

func unmountAll(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			errs = append(errs, syscall.Unmount(fields[1], syscall.MNT_FORCE))
		}
	}
	return errors.Join(errs...)
}
