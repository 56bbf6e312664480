// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stat is what /proc/<pid>/stat says.
type Stat struct {
	// PID of the process.
	PID int
	// State letter, such as R, S, T (stopped) or Z (zombie).
	State byte
	// Parent is the PID of the parent.
	Parent int
	// StartTicks is the start of the process in clock ticks since boot; with PID it names a process for good.
	StartTicks uint64
}

// Read reads the state of a process; fs.ErrNotExist when there is none.
func Read(pid int) (Stat, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, syscall.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Stat{}, err
	}
	return parseStat(pid, raw)
}

func parseStat(pid int, raw []byte) (Stat, error) {
	end := bytes.LastIndexByte(raw, ')')
	if end < 0 {
		return Stat{}, fmt.Errorf("stat of process %d: no command", pid)
	}
	f := strings.Fields(string(raw[end+1:]))
	if len(f) < 20 {
		return Stat{}, fmt.Errorf("stat of process %d: %d fields", pid, len(f))
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return Stat{}, fmt.Errorf("parent of process %d: %w", pid, err)
	}
	ticks, err := strconv.ParseUint(f[19], 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("start of process %d: %w", pid, err)
	}
	return Stat{PID: pid, State: f[0][0], Parent: parent, StartTicks: ticks}, nil
}

// Alive tells whether the process exists and is not a zombie.
func Alive(pid int) bool {
	s, err := Read(pid)
	return err == nil && !s.dead()
}

// Same tells whether the process with that PID and start still lives.
func Same(pid int, ticks uint64) bool {
	s, err := Read(pid)
	return err == nil && !s.dead() && s.StartTicks == ticks
}

// Stopped tells whether the process is stopped by a signal or a tracer.
func Stopped(pid int) bool {
	s, err := Read(pid)
	return err == nil && (s.State == 'T' || s.State == 't')
}

func (s Stat) dead() bool { return s.State == 'Z' || s.State == 'X' }

// StartTime is when a process with that start came to be, by today's wall clock.
func StartTime(ticks uint64) time.Time {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return time.Time{}
	}
	const perTick = time.Second / 100 // USER_HZ, part of the kernel's ABI
	age := time.Duration(now.Nano()) - time.Duration(ticks)*perTick
	return time.Now().Add(-age)
}
