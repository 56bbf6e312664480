// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Empty reports whether no process of PostgreSQL works in dataDir. True is proof: every process was looked at, twice.
// An error that wraps ErrUnknown means that some process could not be judged; treat it as not empty. A data directory
// that does not exist is judged by its path. Call it as root or as the owner of the directory.
func Empty(dataDir string) (bool, error) {
	// A backend born under a pid already passed, of a postmaster that died before its own pid was reached, escapes one
	// pass. Backends have no children of their own, so it cannot escape the next.
	for range 2 {
		found, err := Occupants(dataDir)
		if len(found) > 0 {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// Occupants returns the processes of PostgreSQL whose working directory is dataDir, which is how all of them run, each
// in a session of its own. Other programs that happen to stand there, such as an administrator's shell, are left out.
// The error wraps ErrUnknown if some process could not be judged; those found are returned all the same.
func Occupants(dataDir string) ([]Process, error) {
	dir, err := newPlace(dataDir)
	if err != nil {
		return nil, err
	}
	list, err := pids()
	if err != nil {
		return nil, err
	}
	var found []Process
	var unknown []error
	for _, pid := range list {
		p, in, err := dir.holds(pid)
		if err != nil {
			unknown = append(unknown, err)
		}
		if in {
			found = append(found, p)
		}
	}
	return found, errors.Join(unknown...)
}

// place is a directory, known by path and, if it exists, by inode: a process may have entered it under another name.
type place struct {
	path     string
	exists   bool
	dev, ino uint64
	owner    uint32
	locked   int // pid in postmaster.pid, 0 if none
}

func newPlace(dir string) (place, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return place{}, fmt.Errorf("data directory: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	pl := place{path: path}
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case errors.Is(err, unix.ENOENT):
		return pl, nil
	case err != nil:
		return place{}, fmt.Errorf("data directory %s: %w", path, err)
	}
	pl.exists, pl.dev, pl.ino, pl.owner = true, st.Dev, st.Ino, st.Uid
	if uid := os.Geteuid(); uid != 0 && uid != int(st.Uid) {
		return place{}, fmt.Errorf("%w: data directory %s belongs to uid %d, this is uid %d", ErrUnknown, path, st.Uid, uid)
	}
	pl.locked, err = lockedBy(path)
	return pl, err
}

// lockedBy returns the pid in postmaster.pid, 0 if there is no such file or no pid in it yet.
func lockedBy(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("lock file: %w", err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	// A single-user server writes its pid negated.
	pid, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(first), "-"))
	if err != nil {
		return 0, nil
	}
	return pid, nil
}

// holds reports whether pid is a process of PostgreSQL that works in pl.
func (pl place) holds(pid int) (Process, bool, error) {
	cwd := "/proc/" + strconv.Itoa(pid) + "/cwd"
	link, err := os.Readlink(cwd)
	if errors.Is(err, fs.ErrPermission) {
		return Process{}, false, pl.judgeUnreadable(pid)
	}
	if err != nil {
		// Gone, a zombie, or so far into its exit that it has neither memory nor files left.
		return Process{}, false, nil
	}
	st, err := readStat(pid)
	if err != nil || st.dead() || !runsPostgres(st) || !pl.same(link, cwd) {
		return Process{}, false, nil
	}
	return Process{PID: pid, StartTicks: st.startTicks}, true, nil
}

// same compares first what needs no access to the directory's file system.
func (pl place) same(link, cwd string) bool {
	if strings.TrimSuffix(link, " (deleted)") == pl.path {
		return true
	}
	var st unix.Stat_t
	return pl.exists && unix.Stat(cwd, &st) == nil && st.Dev == pl.dev && st.Ino == pl.ino
}

// judgeUnreadable returns an error if pid, whose working directory may not be read, could be a process of PostgreSQL in
// pl. Login sessions of the same user are unreadable to it too, which is why the program's name counts.
func (pl place) judgeUnreadable(pid int) error {
	st, err := readStat(pid)
	if err != nil || st.dead() || !isServerName(st.comm) {
		return nil
	}
	if pid != pl.locked && pl.exists && ownerOf(pid) != int(pl.owner) {
		return nil
	}
	return fmt.Errorf("%w: %d (%s)", ErrUnknown, pid, st.comm)
}

// ownerOf returns the uid that owns /proc/<pid>, -1 if it is gone.
func ownerOf(pid int) int {
	var st unix.Stat_t
	if unix.Stat("/proc/"+strconv.Itoa(pid), &st) != nil {
		return -1
	}
	return int(st.Uid)
}

// runsPostgres reports whether the program is a PostgreSQL server, by the kernel's name of it or by its file, which may
// have been replaced by an upgrade since.
func runsPostgres(st stat) bool {
	if isServerName(st.comm) {
		return true
	}
	exe, err := os.Readlink("/proc/" + strconv.Itoa(st.pid) + "/exe")
	return err == nil && isServerName(filepath.Base(strings.TrimSuffix(exe, " (deleted)")))
}

func isServerName(name string) bool {
	return strings.HasSuffix(name, "postgres") || strings.HasSuffix(name, "postmaster")
}
