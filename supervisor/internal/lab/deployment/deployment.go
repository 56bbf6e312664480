// SPDX-License-Identifier: Apache-2.0

// Package deployment puts on the hosts of a lab's cluster what leads clients to its primary, so that they know one virtual
// address and nothing else: that of pgvigil with its router plugins, and that of Patroni as it is usually set up.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// VIP is the virtual address of the cluster.
const VIP = "10.99.0.100"

// The ports at the virtual address; PgBouncer is there with pgvigil only.
const (
	Writes uint16 = 5000
	Reads  uint16 = 5001
	Pooled uint16 = 6432
)

// Deployment is a cluster with its virtual address. One goroutine at a time may use it.
type Deployment struct {
	*lab.Cluster
	product
	running map[*lab.Node]map[string]running
}

// product is what differs between the deployments.
type product struct {
	// programs run on every host, beside what the lab itself starts there. In the order they are started.
	programs []program
	// up starts the cluster of a deployment; power switches a host on, its network too, without the programs.
	up    func(context.Context, *Deployment) error
	power func(*lab.Node) error
	// home is who has the virtual address when all is well.
	home func(primary *lab.Node) *lab.Node
	// healthy waits until the cluster itself is.
	healthy func(context.Context) error
	// standby tells for each port whether it leads to one.
	standby map[uint16]bool
}

// program is one that runs on every host.
type program struct {
	name, path string
	root       bool
	// pids are files that a program which was killed leaves. After a loss of power /run is empty.
	pids []string
	args func(*lab.Node) []string
}

// running is a program that was started.
type running struct {
	pid int
	end func() error
}

func deploy(c *lab.Cluster, p product) *Deployment {
	d := &Deployment{Cluster: c, product: p, running: map[*lab.Node]map[string]running{}}
	for _, n := range c.Nodes {
		d.running[n] = map[string]running{}
	}
	return d
}

// Up starts everything, waits until it makes a cluster, and prepares that for the workload.
func (d *Deployment) Up(ctx context.Context) error { return d.up(ctx, d) }

// Boot starts the programs of all hosts.
func (d *Deployment) Boot() error {
	var errs []error
	for _, n := range d.Nodes {
		errs = append(errs, d.boot(n))
	}
	return errors.Join(errs...)
}

func (d *Deployment) boot(n *lab.Node) error {
	var errs []error
	for _, p := range d.programs {
		errs = append(errs, d.start(n, p))
	}
	return errors.Join(errs...)
}

// Launch starts a program of a host again that has ended.
func (d *Deployment) Launch(n *lab.Node, name string) error {
	for _, p := range d.programs {
		if p.name == name {
			return d.start(n, p)
		}
	}
	return fmt.Errorf("the deployment has no %s", name)
}

func (d *Deployment) start(n *lab.Node, p program) error {
	for _, name := range p.pids {
		if err := os.Remove(in(n, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	begin := n.Beside
	if p.root {
		begin = n.BesideAsRoot
	}
	pid, end, err := begin(p.name+".log", p.path, p.args(n)...)
	if err == nil {
		d.running[n][p.name] = running{pid, end}
	}
	return err
}

// Kill ends a program of a host with SIGKILL.
func (d *Deployment) Kill(n *lab.Node, name string) error {
	if _, runs := d.running[n][name]; !runs {
		return fmt.Errorf("no %s runs on %s", name, n.Name)
	}
	d.kill(n, name)
	return nil
}

// kill ends a program, and what it started, and forgets it.
func (d *Deployment) kill(n *lab.Node, name string) {
	p := d.running[n][name]
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	_ = p.end() // waits for it
	delete(d.running[n], name)
}

func (d *Deployment) killAll(n *lab.Node) {
	for name := range d.running[n] {
		d.kill(n, name)
	}
}

// Lose is a power failure of a host.
func (d *Deployment) Lose(n *lab.Node) error {
	err := n.Unplug() // before any of its connections is closed in good order
	d.killAll(n)
	err = errors.Join(err, n.KillHost())
	held, holds := n.Holds(VIP)
	if held {
		holds = n.Forget(VIP)
	}
	return errors.Join(err, holds)
}

// Return switches a lost host on.
func (d *Deployment) Return(n *lab.Node) error { return errors.Join(d.power(n), d.boot(n)) }

// Close ends the programs, but not the cluster. It may be called more than once.
func (d *Deployment) Close() {
	for _, n := range d.Nodes {
		d.killAll(n)
	}
}

func in(n *lab.Node, name string) string { return filepath.Join(n.Dir(), name) }
