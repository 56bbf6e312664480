// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

// Guest carries out the orders; vm.Machine says what each means.
type Guest struct{ children *children }

// Clocks reads the clocks.
func (*Guest) Clocks(_ vm.None, now *vm.Clocks) error {
	var uptime unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &uptime); err != nil {
		return err
	}
	*now = vm.Clocks{Wall: time.Now().Round(0), Uptime: time.Duration(uptime.Nano())}
	return nil
}

// Step sets the wall clock.
func (g *Guest) Step(by time.Duration, now *vm.Clocks) error {
	target := unix.NsecToTimespec(time.Now().Add(by).UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &target); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return g.Clocks(vm.None{}, now)
}

// Run starts a program.
func (g *Guest) Run(p vm.Program, pid *int) (err error) {
	*pid, err = g.children.start(p)
	return err
}

// Wait returns when a program that Run started has ended.
func (g *Guest) Wait(pid int, _ *vm.None) error { return g.children.wait(pid) }

// Signal sends a signal.
func (*Guest) Signal(s vm.Signal, _ *vm.None) error {
	if s.Program == "" {
		return unix.Kill(s.PID, syscall.Signal(s.Number))
	}
	found := running(s.Program)
	for _, pid := range found {
		_ = unix.Kill(pid, syscall.Signal(s.Number))
	}
	if len(found) == 0 {
		return fmt.Errorf("%s: not running", s.Program)
	}
	return nil
}

// running lists the processes of a program by its base name.
func running(program string) []int {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return nil
	}
	var found []int
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || filepath.Base(target) != program {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			found = append(found, pid)
		}
	}
	return found
}
