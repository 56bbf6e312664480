// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Occupants lists the living PostgreSQL processes whose working directory is dir: PostgreSQL goes there
// first and stays, so an empty list proves that nothing of it is left. Whether a process that could be
// one but may not be looked at is one, is not known, and an error.
func Occupants(dir string) ([]int, error) {
	want, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	// A backend born under a PID already passed, of a postmaster that dies before its own is reached,
	// escapes one pass, but has no children and so cannot escape the next.
	for range 2 {
		in, err := pass(want)
		if len(in) > 0 || err != nil {
			return in, err
		}
	}
	return nil, nil
}

// pass looks at every process once.
func pass(want fs.FileInfo) ([]int, error) {
	all, err := pids()
	if err != nil {
		return nil, err
	}
	var in []int
	for _, pid := range all {
		yes, err := occupies(pid, want)
		if err != nil {
			return nil, err
		}
		if yes {
			in = append(in, pid)
		}
	}
	return in, nil
}

// Occupies tells whether a living PostgreSQL process with that PID works in dir.
func Occupies(pid int, dir string) (bool, error) {
	want, err := os.Stat(dir)
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	return occupies(pid, want)
}

func occupies(pid int, want fs.FileInfo) (bool, error) {
	base := "/proc/" + strconv.Itoa(pid)
	got, err := os.Stat(base + "/cwd")
	// A process that is being started may not be looked at for a moment.
	for attempt := 0; errors.Is(err, fs.ErrPermission) && unreadable(pid, want) != nil && attempt < 20; attempt++ {
		time.Sleep(time.Millisecond)
		got, err = os.Stat(base + "/cwd")
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return false, unreadable(pid, want)
	case err != nil:
		return false, nil // gone, a zombie, or a kernel thread
	case !os.SameFile(got, want):
		return false, nil
	}
	exe, err := os.Readlink(base + "/exe")
	if err != nil {
		return !gone(pid), nil
	}
	return isServer(exe), nil
}

func gone(pid int) bool { return !Alive(pid) }

// unreadable is an error when the process belongs to the owner of the data directory and, by the name the kernel
// keeps for it, may be a server, unless it is a container's.
func unreadable(pid int, want fs.FileInfo) error {
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil || !isServer(strings.TrimSpace(string(comm))) || contained(pid) {
		return nil
	}
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	if err != nil {
		return nil
	}
	if owner(info) != owner(want) {
		return nil
	}
	return fmt.Errorf("process %d of the data directory's owner cannot be looked at", pid)
}

// contained tells whether a process has a PID in a namespace below this one, too.
func contained(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return len(strings.Fields(ids)) > 1
		}
	}
	return false
}

func owner(i fs.FileInfo) uint32 {
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		return s.Uid
	}
	return ^uint32(0)
}

// isServer tells whether an executable is PostgreSQL's server, also when an upgrade has replaced the file.
func isServer(exe string) bool {
	name := strings.TrimSuffix(filepath.Base(exe), " (deleted)")
	return name == "postgres" || name == "postmaster" || strings.HasPrefix(name, "postgres.")
}

// Children lists the living children of a process.
func Children(pid int) ([]int, error) {
	all, err := pids()
	if err != nil {
		return nil, err
	}
	var out []int
	for _, p := range all {
		if s, err := Read(p); err == nil && s.Parent == pid && !s.dead() {
			out = append(out, p)
		}
	}
	return out, nil
}

func pids() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("process list: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("process list: %w", err)
	}
	var out []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			out = append(out, pid)
		}
	}
	return out, nil
}
