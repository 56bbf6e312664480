// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Process names one process of this boot: a pid can be given to another process, a pid with its start time cannot.
type Process struct {
	PID        int
	StartTicks uint64 // field 22 of /proc/<pid>/stat; 0 means not known, then the pid alone counts
}

// String returns the pid.
func (p Process) String() string { return strconv.Itoa(p.PID) }

// FindProcess returns the identity of the live process pid. The error is unix.ESRCH if there is none, or a zombie.
func FindProcess(pid int) (Process, error) {
	st, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	if st.dead() {
		return Process{}, fmt.Errorf("process %d: %w", pid, unix.ESRCH)
	}
	return Process{PID: pid, StartTicks: st.startTicks}, nil
}

// Alive reports whether p exists and is not a zombie. What cannot be read counts as alive.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	st, err := readStat(p.PID)
	if err != nil {
		return !errors.Is(err, unix.ESRCH)
	}
	return !st.dead() && p.is(st)
}

func (p Process) is(st stat) bool {
	return p.StartTicks == 0 || p.StartTicks == st.startTicks
}

// Signal sends sig to p and to no other process, even if the pid has been reused. It returns nil if p is gone.
func (p Process) Signal(sig unix.Signal) error {
	if p.PID <= 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ENOSYS) {
		return p.signalByPID(sig)
	}
	if err != nil {
		return ignoreGone(p.PID, err)
	}
	defer func() { _ = unix.Close(fd) }()
	// The descriptor is of whoever had the pid when it was opened. If that was p then it still is p that gets the signal;
	// if another process has the pid, this look sees the other one.
	if !p.Alive() {
		return nil
	}
	return ignoreGone(p.PID, unix.PidfdSendSignal(fd, sig, nil, 0))
}

// signalByPID is for kernels before 5.3.
func (p Process) signalByPID(sig unix.Signal) error {
	if !p.Alive() {
		return nil
	}
	return ignoreGone(p.PID, unix.Kill(p.PID, sig))
}

func ignoreGone(pid int, err error) error {
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("signal process %d: %w", pid, err)
}
