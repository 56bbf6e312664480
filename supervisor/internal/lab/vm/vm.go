// SPDX-License-Identifier: Apache-2.0

// Package vm runs a host of a cluster as a virtual machine: what namespaces share with the machine around them, such as
// the wall clock, the kernel and its watchdog, is the guest's own here.
//
// A guest is emulated by QEMU and sees this machine's own root file system, read-only, so that PostgreSQL, its libraries
// and pgvigil's programs are in the same places as outside. One directory it shares with this machine, writable; what must
// be on a disk of its own is in its memory, and gone when it is switched off. A guest may also have another root file system,
// with a systemd that makes the host of it. Needs root.
package vm

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// Config says what machine to make. All fields without a default are required.
type Config struct {
	// Name is the host name of the guest.
	Name string
	// Dir is a directory of the machine's own, short enough for a Unix socket in it.
	Dir string
	// Console is the file to which the kernel and the guest's first process write; it is appended to.
	Console string
	// System is the root directory of a system with systemd. The guest boots it, and keeps what it changes in its memory.
	// Tap and all fields from Private to GID are then not used.
	System string
	// Later are modules that a guest with a System does not load by itself: Machine.Load does.
	Later []string
	// Tap is the tap device of the network card, in the network namespace of whoever starts the machine.
	Tap string
	// Address of the guest, in a network of 24 bits.
	Address string
	// Share is the directory that the guest may write to; a System finds it in SystemShare. Below it, Private are names of
	// directories that are to be the guest's own, in its memory.
	Share   string
	Private []string
	// Warm are directories whose files the guest reads when it starts, so that programs among them do not come in page by
	// page, over and over, when they are first run.
	Warm []string
	// UID and GID own the private directories and the watchdog.
	UID, GID int
	// Memory in MiB; default 768.
	Memory int
	// Watchdog adds a device that resets the machine if it is armed and not fed: a System gets an i6300esb, others load softdog.
	// A reset ends the machine, unless Revive was called.
	Watchdog bool
}

// Machine is a virtual machine that was started.
type Machine struct {
	// PID is QEMU's. Stopping that process freezes the machine, killing it is a power failure.
	PID int

	config Config
	rpc    *rpc.Client
	// outputs counts the calls of Exec.
	outputs atomic.Int32
	done    chan struct{}
	err     error
}

// Start starts the machine by way of onHost, which runs what it is given in the right network namespace, and returns
// when the guest takes orders or the context ends.
func Start(ctx context.Context, config Config, onHost func(func() error) error) (*Machine, error) {
	if config.Memory == 0 {
		config.Memory = 768
	}
	qemu, err := hypervisor()
	if err != nil {
		return nil, err
	}
	kernel, err := findKernel()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := makeInitramfs(ctx, config, kernel); err != nil {
		return nil, fmt.Errorf("initial file system of the virtual machine: %w", err)
	}
	m := &Machine{config: config, done: make(chan struct{})}
	if err := m.power(qemu, kernel, onHost); err != nil {
		return nil, err
	}
	if err := m.greet(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("virtual machine %s: %w (see %s)", config.Name, err, config.Console), m.Kill())
	}
	return m, nil
}

// hypervisor is the program that emulates a machine of this one's kind.
func hypervisor() (string, error) {
	for _, name := range []string{"qemu-system-x86_64", "/usr/libexec/qemu-kvm"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("virtual machines need qemu-system-x86_64 (contrib/setup/packages.sh test)")
}

func (m *Machine) power(qemu string, kernel kernel, onHost func(func() error) error) error {
	out, err := os.OpenFile(m.config.Console, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	_, _ = os.Remove(m.socket()), os.Remove(m.config.monitor())
	// Emulation is slow as it is, and waiting for its turn on a busy machine would make it look like a host that fails.
	command := exec.Command("nice", append([]string{"-n", "-10", qemu}, arguments(m.config, kernel)...)...)
	command.Dir, command.Stdout, command.Stderr = m.config.Dir, out, out
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := onHost(command.Start); err != nil {
		return fmt.Errorf("start %s: %w", qemu, err)
	}
	m.PID = command.Process.Pid
	go func() {
		m.err = command.Wait()
		close(m.done)
	}()
	return nil
}

// Done is closed when the machine has been switched off, by whomever.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Kill is a power failure. Killing a machine that is off is no error.
func (m *Machine) Kill() error {
	if err := syscall.Kill(m.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-m.done:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("virtual machine %s outlived SIGKILL by 10 s", m.config.Name)
	}
}

func (m *Machine) socket() string  { return filepath.Join(m.config.Dir, "orders") }
func (c Config) initramfs() string { return filepath.Join(c.Dir, "initramfs") }

// Off tells whether the machine has been switched off.
func (m *Machine) Off() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}
