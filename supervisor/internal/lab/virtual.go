// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

// private are the directories of a node whose content a virtual machine keeps to itself. Configuration and logs are shared.
var private = []string{"run", "state", "sock", "disk", "etcd"}

// Machine is the virtual machine that is the node's host; nil when the node is none, or was never switched on.
func (n *Node) Machine() *vm.Machine { return n.machine }

// boot switches all virtual machines on, at the same time.
func (c *Cluster) boot(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, n := range c.Nodes {
		group.Go(func() {
			if err := n.boot(ctx); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// boot switches the node's virtual machine on, unless it is none or runs, and returns when it takes orders. Its disk is
// empty: it comes back as a new host with the old name.
func (n *Node) boot(ctx context.Context) error {
	if !n.virtual() || n.machine != nil && !n.machine.Off() {
		return nil
	}
	if err := n.cluster.id.Mkdir(n.path("etcd"), 0o700); err != nil {
		return err
	}
	network := n.cluster.network.(*namespaces)
	machine, err := vm.Start(ctx, vm.Config{
		Name: n.Name, Dir: n.path("vm"), Console: n.path("log", "console.log"),
		Tap: network.port(n.index), Address: n.Address, Share: n.dir, Private: private,
		Warm: []string{n.cluster.options.Bin, n.cluster.pgBin},
		UID:  n.cluster.id.UID, GID: n.cluster.id.GID, Watchdog: n.cluster.options.Watchdog,
	}, n.onHost)
	if err != nil {
		return err
	}
	n.machine = machine
	return nil
}

// launchInside starts a program in the node's virtual machine, as launch does on other hosts.
func (n *Node) launchInside(logName, program string, args ...string) (*process, error) {
	if n.machine == nil {
		return nil, fmt.Errorf("start %s of %s: the machine was not switched on", program, n.Name)
	}
	// The log is made here, so that it can be read while nothing has been written.
	log, err := os.OpenFile(n.path("log", logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	log.Close()
	machine := n.machine
	pid, ended, err := machine.Run(vm.Program{
		Path: program, Args: args, Env: append(n.environment(), "TMPDIR="+n.path("run")),
		Dir: n.dir, Log: n.path("log", logName), UID: n.cluster.id.UID, GID: n.cluster.id.GID,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	p := &process{pid: pid, done: make(chan struct{})}
	p.send = func(sig syscall.Signal) error { return machine.Signal(pid, sig) }
	go func() {
		p.err = <-ended
		close(p.done)
	}()
	return p, nil
}
