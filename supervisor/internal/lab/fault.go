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

// KillSupervisor ends the supervisor with SIGKILL.
func (n *Node) KillSupervisor() error { return n.supervisor.kill() }

// StopSupervisor freezes the supervisor, ContSupervisor lets it go on.
func (n *Node) StopSupervisor() error { return n.supervisor.signal(syscall.SIGSTOP) }

// ContSupervisor undoes StopSupervisor.
func (n *Node) ContSupervisor() error { return n.supervisor.signal(syscall.SIGCONT) }

// ReloadSupervisor makes the supervisor read its configuration anew.
func (n *Node) ReloadSupervisor() error { return n.supervisor.signal(syscall.SIGHUP) }

// TermSupervisor asks the supervisor to end and waits at most that long.
func (n *Node) TermSupervisor(patience time.Duration) error {
	if err := n.supervisor.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-n.supervisor.done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("supervisor of %s still runs %s after SIGTERM", n.Name, patience)
	}
}

// KillEtcd ends the node's etcd with SIGKILL.
func (n *Node) KillEtcd() error { return n.etcd.kill() }

// StopEtcd freezes the node's etcd, ContEtcd lets it go on.
func (n *Node) StopEtcd() error { return n.etcd.signal(syscall.SIGSTOP) }

// ContEtcd undoes StopEtcd.
func (n *Node) ContEtcd() error { return n.etcd.signal(syscall.SIGCONT) }

// Postmaster is the process id of the node's PostgreSQL.
func (n *Node) Postmaster() (int, error) {
	text, err := os.ReadFile(filepath.Join(n.DataDir(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0, fmt.Errorf("postmaster.pid of %s: %w", n.Name, err)
	}
	if cwd, _ := os.Readlink(procPath(pid, "cwd")); cwd != n.DataDir() {
		return 0, fmt.Errorf("postmaster of %s: %w", n.Name, errNotRunning)
	}
	return pid, nil
}

// SignalPostmaster sends a signal to the postmaster alone.
func (n *Node) SignalPostmaster(sig syscall.Signal) error {
	pid, err := n.Postmaster()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// KillPostmaster ends the postmaster with SIGKILL.
func (n *Node) KillPostmaster() error { return n.SignalPostmaster(syscall.SIGKILL) }

// SignalPostgres sends a signal to the postmaster and all its children.
func (n *Node) SignalPostgres(sig syscall.Signal) error {
	found := n.which(func(p Process) bool { return p.Program == "postgres" })
	if len(found) == 0 {
		return fmt.Errorf("postgres of %s: %w", n.Name, errNotRunning)
	}
	signalAll(found, sig)
	return nil
}

// SignalPlugin sends a signal to the process of a plugin, such as "etcd".
func (n *Node) SignalPlugin(name string, sig syscall.Signal) error {
	found := n.which(func(p Process) bool { return p.Program == "pgvigil-plugin-"+name })
	if len(found) == 0 {
		return fmt.Errorf("plugin %s of %s: %w", name, n.Name, errNotRunning)
	}
	signalAll(found, sig)
	return nil
}

// KillPlugin ends a plugin with SIGKILL.
func (n *Node) KillPlugin(name string) error { return n.SignalPlugin(name, syscall.SIGKILL) }

// SignalLauncher sends a signal to the launcher, PostgreSQL's parent.
func (n *Node) SignalLauncher(sig syscall.Signal) error {
	if n.virtual() {
		return n.machine.SignalProgram("pgvigil-launcher", sig)
	}
	found := n.which(func(p Process) bool { return p.Program == "pgvigil-launcher" })
	if len(found) == 0 {
		return fmt.Errorf("launcher of %s: %w", n.Name, errNotRunning)
	}
	signalAll(found, sig)
	return nil
}

// FreezeHost stops every process of the node; ThawHost lets them go on.
func (n *Node) FreezeHost() { signalAll(n.Processes(), syscall.SIGSTOP) }

// ThawHost undoes FreezeHost.
func (n *Node) ThawHost() { signalAll(n.Processes(), syscall.SIGCONT) }

// KillHost is a power failure: the network goes first, so that no connection is closed in good order, then every
// process gets SIGKILL. On loopback addresses there is no network to take away, and peers see their connections reset.
func (n *Node) KillHost() error {
	if _, ok := n.cluster.network.(*namespaces); ok {
		if err := n.Unplug(); err != nil {
			return err
		}
		if err := n.Cut(Cut{}); err != nil && !errors.Is(err, errVirtual) {
			return err
		}
	}
	return n.killAll()
}

func (n *Node) which(want func(Process) bool) []Process {
	var found []Process
	for _, p := range n.Processes() {
		if want(p) {
			found = append(found, p)
		}
	}
	return found
}

// killAll sends SIGKILL to everything of the node until nothing is left.
func (n *Node) killAll() error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		left := n.Processes()
		if len(left) == 0 {
			return errors.Join(n.supervisor.kill(), n.etcd.kill())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d (%s) of %s outlived SIGKILL by 10 s", left[0].PID, left[0].Title, n.Name)
		}
		signalAll(left, syscall.SIGKILL)
		<-time.After(5 * time.Millisecond)
	}
}

// PluginPID is the process id of a plugin, 0 when it does not run.
func (n *Node) PluginPID(name string) int {
	found := n.which(func(p Process) bool { return p.Program == "pgvigil-plugin-"+name })
	if len(found) == 0 {
		return 0
	}
	return found[len(found)-1].PID
}
