// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var errOff = errors.New("the machine is off")

// greet waits until the guest answers.
func (m *Machine) greet(ctx context.Context) error {
	conn, err := m.connect(ctx, m.socket())
	if err != nil {
		return err
	}
	m.rpc = rpc.NewClient(conn)
	call := m.rpc.Go("Guest.Clocks", None{}, &Clocks{}, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-m.done:
		return errOff
	case <-ctx.Done():
		return fmt.Errorf("the guest does not answer: %w", context.Cause(ctx))
	}
}

// connect reaches a socket of QEMU's, which it makes soon after it was started.
func (m *Machine) connect(ctx context.Context, socket string) (net.Conn, error) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ticker.C:
		case <-m.done:
			return nil, errOff
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// Run starts a program in the guest. The channel gives the error with which it ends, nil for a good end; a program whose
// machine is switched off ends with an error.
func (m *Machine) Run(p Program) (pid int, ended <-chan error, err error) {
	if err := m.rpc.Call("Guest.Run", p, &pid); err != nil {
		return 0, nil, fmt.Errorf("run %s: %w", p.Path, err)
	}
	done := make(chan error, 1)
	call := m.rpc.Go("Guest.Wait", pid, &None{}, make(chan *rpc.Call, 1))
	go func() { done <- (<-call.Done).Error }()
	return pid, done, nil
}

// Kill sends a signal to a process of the guest. It is an error if there is none.
func (m *Machine) Signal(pid int, sig syscall.Signal) error {
	return m.rpc.Call("Guest.Signal", Signal{PID: pid, Number: int(sig)}, &None{})
}

// SignalProgram sends a signal to all of the guest's processes that run the program of that base name. It is an error if
// there is none.
func (m *Machine) SignalProgram(name string, sig syscall.Signal) error {
	return m.rpc.Call("Guest.Signal", Signal{Program: name, Number: int(sig)}, &None{})
}

// Exec runs a program on a System to its end, and returns what it printed, on both channels, without the last line break.
func (m *Machine) Exec(ctx context.Context, name string, args ...string) (string, error) {
	log := fmt.Sprintf("output.%d", m.outputs.Add(1))
	words := append([]string{name}, args...)
	_, ended, err := m.Run(Program{
		Path: "/usr/bin/env", Args: words, Dir: "/",
		Env: []string{"PATH=/usr/sbin:/usr/bin", "LANG=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0"},
		Log: filepath.Join(SystemShare, log),
	})
	if err != nil {
		return "", err
	}
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	printed, unread := os.ReadFile(filepath.Join(m.config.Share, log))
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, printed)
	}
	return strings.TrimSuffix(string(printed), "\n"), errors.Join(err, unread)
}

// Load loads all modules that Config.Later names, and what they need.
func (m *Machine) Load() error { return m.rpc.Call("Guest.Load", None{}, &None{}) }

// Clocks reads the guest's clocks.
func (m *Machine) Clocks() (Clocks, error) {
	var now Clocks
	err := m.rpc.Call("Guest.Clocks", None{}, &now)
	return now, err
}

// Step sets the guest's wall clock forward, or back, as somebody with root does; nothing else of the guest is told. It
// returns what the clocks show afterwards.
func (m *Machine) Step(by time.Duration) (Clocks, error) {
	var now Clocks
	err := m.rpc.Call("Guest.Step", by, &now)
	return now, err
}
