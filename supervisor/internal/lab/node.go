// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

// Node is one host of the cluster: supervisor, plugins, a member of the embedded etcd, PostgreSQL.
type Node struct {
	// Name is the member name, Address its IP address.
	Name, Address string
	// Env is added to the environment of the node's processes when they are started.
	Env []string

	cluster          *Cluster
	index            int
	dir              string
	ports            ports
	supervisor, etcd *process
	// machine is what the node's host runs on, if that is a virtual one that was started.
	machine *vm.Machine
	// limited tells that the disk is a mount of its own.
	limited bool
	// proxied tells that a proxy is in front of the etcd.
	proxied bool
}

func newNode(c *Cluster, i int) *Node {
	name := "node" + strconv.Itoa(i+1)
	return &Node{
		Name: name, Address: c.network.address(i),
		cluster: c, index: i, dir: filepath.Join(c.Dir, name), ports: c.ports,
	}
}

func (n *Node) path(parts ...string) string {
	return filepath.Join(append([]string{n.dir}, parts...)...)
}

// SocketDir is where PostgreSQL's Unix socket is.
func (n *Node) SocketDir() string { return n.path("sock") }

// Dir holds everything of the node.
func (n *Node) Dir() string { return n.dir }

// DataDir is PostgreSQL's data directory.
func (n *Node) DataDir() string { return n.path("disk", "data") }

// ConfigFile is the supervisor's configuration.
func (n *Node) ConfigFile() string { return n.path("pgvigil.hcl") }

// SupervisorLog and EtcdLog are the files with the output of the two.
func (n *Node) SupervisorLog() string { return n.path("log", "pgvigild.log") }

// EtcdLog is the file with the output of the node's etcd.
func (n *Node) EtcdLog() string { return n.path("log", "etcd.log") }

// API is host:port of the supervisor's REST interface.
func (n *Node) API() string { return n.join(n.ports.api) }

// Postgres is host:port of PostgreSQL.
func (n *Node) Postgres() string { return n.join(n.ports.postgres) }

// EtcdClient is the URL for clients of the node's etcd, EtcdPeer that for the others.
func (n *Node) EtcdClient() string { return n.url(n.ports.etcdClient) }

// EtcdPeer is the URL of the node's etcd for the others.
func (n *Node) EtcdPeer() string { return n.url(n.ports.etcdPeer) }

func (n *Node) join(port int) string { return net.JoinHostPort(n.Address, strconv.Itoa(port)) }

// virtual tells whether the node is a virtual machine. Its files are then inside it, but for the configuration and the logs.
func (n *Node) virtual() bool {
	virtual := n.cluster.options.Virtual
	return virtual > 0 && n.index >= n.cluster.options.Nodes-virtual
}

// lay makes the node's directories and its configuration.
func (n *Node) lay() error {
	if err := n.cluster.id.Mkdir(n.dir, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"log", "run", "state", "sock", "disk"} {
		if err := n.cluster.id.Mkdir(n.path(dir), 0o755); err != nil {
			return err
		}
	}
	return n.Configure(n.Config())
}

// Ask runs pgvigil with the node's configuration, where clients are, and returns what it prints.
func (n *Node) Ask(args ...string) (string, error) {
	var out []byte
	args = append(args, "--config", n.ConfigFile())
	err := n.cluster.AsClient(func() (err error) {
		out, err = exec.Command(n.binary("pgvigil"), args...).Output()
		return err
	})
	if err != nil {
		return "", fmt.Errorf("pgvigil %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// Configure replaces the text of the node's configuration file. It counts from the next start.
func (n *Node) Configure(text string) error { return n.cluster.id.Write(n.ConfigFile(), text) }

// StartEtcd starts the node's member of the embedded etcd, unless it runs.
func (n *Node) StartEtcd() (err error) {
	if n.etcd.running() {
		return nil
	}
	n.etcd, err = n.launch("etcd.log", n.binary("pgvigil"), "dcs", "serve", "--config", n.ConfigFile())
	return err
}

// StartSupervisor starts the node's supervisor, unless it runs.
func (n *Node) StartSupervisor() (err error) {
	if n.supervisor.running() {
		return nil
	}
	n.supervisor, err = n.launch("pgvigild.log", n.binary("pgvigild"), "--config", n.ConfigFile())
	return err
}

// StartHost powers the node on: its network is healed, its etcd and supervisor start.
func (n *Node) StartHost() error {
	if _, ok := n.cluster.network.(*namespaces); ok {
		if err := n.Heal(); err != nil {
			return err
		}
	}
	if err := n.boot(context.Background()); err != nil {
		return err
	}
	return errors.Join(n.StartEtcd(), n.StartSupervisor())
}

// SupervisorPID is the supervisor's process id, 0 when it does not run.
func (n *Node) SupervisorPID() int { return n.supervisor.number() }

// EtcdPID is the process id of the node's etcd, 0 when it does not run.
func (n *Node) EtcdPID() int { return n.etcd.number() }

func (p *process) number() int {
	if !p.running() {
		return 0
	}
	return p.pid
}

// SupervisorDone is closed when the supervisor that was started last has ended.
func (n *Node) SupervisorDone() (<-chan struct{}, error) {
	if n.supervisor == nil {
		return nil, fmt.Errorf("supervisor of %s was never started", n.Name)
	}
	return n.supervisor.done, nil
}

func (n *Node) binary(name string) string { return filepath.Join(n.cluster.options.Bin, name) }

// WriteFile writes a file that belongs to the user of the node's processes.
func (n *Node) WriteFile(path, text string) error { return n.cluster.id.Write(path, text) }

// PostgresLog is the file with PostgreSQL's output.
func (n *Node) PostgresLog() string { return n.path("log", "postgresql.log") }

// Beside starts another program on the node's host, as the user of its processes, with its output in the log of that
// name. The function it returns ends it with SIGTERM, and with SIGKILL after ten seconds.
func (n *Node) Beside(logName, program string, args ...string) (pid int, end func() error, err error) {
	p, err := n.launch(logName, program, args...)
	if err != nil {
		return 0, nil, err
	}
	return p.pid, func() error { return p.end(10 * time.Second) }, nil
}

// BesideAsRoot is Beside as the caller's user. Not for virtual machines.
func (n *Node) BesideAsRoot(logName, program string, args ...string) (pid int, end func() error, err error) {
	p, err := n.launchAs(nil, logName, program, args...)
	if err != nil {
		return 0, nil, err
	}
	return p.pid, func() error { return p.end(10 * time.Second) }, nil
}

// Holds tells whether the node's host has an address beside its own, such as "10.99.0.100".
func (n *Node) Holds(address string) (held bool, err error) {
	err = n.onHost(func() error {
		all, err := net.InterfaceAddrs()
		held = slices.ContainsFunc(all, func(a net.Addr) bool { return strings.HasPrefix(a.String(), address+"/") })
		return err
	})
	return held, err
}

// Forget takes an address from the node's host that its own power failure would have taken.
func (n *Node) Forget(address string) error {
	return n.onHost(func() error { return batch("ip address del " + address + "/24 dev eth0") })
}

// Dial connects to an address as a client outside all nodes does.
func (n *Node) Dial(ctx context.Context, address string) (net.Conn, error) {
	return n.cluster.dial(ctx, "tcp", address)
}

// AsClient runs f on a thread of its own in the network of the clients: what f itself dials, without Dial's cost of
// getting there for every connection, is dialled as a client outside all nodes does.
func (c *Cluster) AsClient(f func() error) error {
	if n, ok := c.network.(*namespaces); ok {
		return inNamespace(n.clients(), f)
	}
	return f()
}
