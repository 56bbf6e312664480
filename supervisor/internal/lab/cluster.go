// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/account"
)

// Cluster is a set of nodes. Its methods and those of its nodes may be called from several goroutines, but faults of
// one node only one after the other.
type Cluster struct {
	// Nodes in order of their names.
	Nodes []*Node
	// Dir holds everything of the cluster.
	Dir string

	options  Options
	id       account.Account
	network  network
	pgBin    string
	password string
	ports    ports
	client   *http.Client
	proxies  proxies
	own      bool
}

// New makes the directories, configurations and the network of a cluster; nothing runs yet. Close must be called.
func New(options Options) (*Cluster, error) {
	if err := options.fill(); err != nil {
		return nil, err
	}
	id, err := account.Find()
	if err != nil {
		return nil, err
	}
	pgBin, err := filepath.EvalSymlinks(options.PGBin)
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: options, id: id, pgBin: pgBin, password: strings.ToLower(rand.Text()), Dir: options.Dir}
	if err := c.choose(); err != nil {
		return nil, err
	}
	c.client = &http.Client{Transport: &http.Transport{DialContext: c.dial, DisableKeepAlives: true}}
	if err := c.lay(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// choose picks the network and the ports.
func (c *Cluster) choose() (err error) {
	usual := ports{postgres: 5432, api: 8008, etcdClient: 2379, etcdPeer: 2380}
	if c.options.Netns {
		c.network, c.ports = newNamespaces(c.options.Nodes, c.options.Virtual), usual
		return nil
	}
	c.network, c.ports, err = freeLoopback(c.options.Nodes, usual)
	return err
}

// lay brings up the network and writes the nodes' directories.
func (c *Cluster) lay() error {
	if err := sweep(); err != nil {
		return err
	}
	if err := c.makeDir(); err != nil {
		return err
	}
	if err := c.network.open(); err != nil {
		return err
	}
	for i := range c.options.Nodes {
		c.Nodes = append(c.Nodes, newNode(c, i))
	}
	for _, n := range c.Nodes {
		if err := n.lay(); err != nil {
			return fmt.Errorf("directories of %s: %w", n.Name, err)
		}
	}
	return nil
}

func (c *Cluster) makeDir() (err error) {
	if c.Dir == "" {
		c.own = true
		if c.Dir, err = NewDir(); err != nil {
			return err
		}
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(c.Dir, 0o755)
}

// Start starts all nodes and returns once their processes run; WaitHealthy tells when they make a cluster.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.boot(ctx); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := errors.Join(n.StartEtcd(), n.startProxy()); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		if err := n.StartSupervisor(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Up starts all nodes, waits until they make a cluster, and prepares it for the workload.
func (c *Cluster) Up(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, n := range c.Nodes {
		go n.guard(ctx, cancel)
	}
	if err := c.WaitHealthy(ctx); err != nil {
		return err
	}
	return c.Prepare(ctx)
}

// guard cancels a start when one of the node's processes ends, which none should; but a supervisor whose plugins took too
// long to start, as on an emulated host they may, is started again a few times, as systemd does.
func (n *Node) guard(ctx context.Context, cancel context.CancelCauseFunc) {
	for starts := 1; ; starts++ {
		select {
		case <-ctx.Done():
			return
		case <-n.etcd.done:
			cancel(fmt.Errorf("etcd of %s ended (%v): %s", n.Name, n.etcd.err, lastLine(n.EtcdLog())))
			return
		case <-n.supervisor.done:
		}
		if n.virtual() && starts < 5 && n.StartSupervisor() == nil {
			continue
		}
		cancel(fmt.Errorf("supervisor of %s ended (%v): %s", n.Name, n.supervisor.err, lastLine(n.SupervisorLog())))
		return
	}
}

func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// PGBin is the directory of PostgreSQL's programs.
func (c *Cluster) PGBin() string { return c.pgBin }

// Node returns the node of a name, nil when there is none.
func (c *Cluster) Node(name string) *Node {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Except returns all nodes but one.
func (c *Cluster) Except(one *Node) []*Node {
	var others []*Node
	for _, n := range c.Nodes {
		if n != one {
			others = append(others, n)
		}
	}
	return others
}

func (c *Cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.network.dial(ctx, network, address)
}

// Close ends every process of the cluster and removes its network and, unless it is to be kept or was given, its
// directory. It may be called more than once.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.end())
	}
	errs = append(errs, c.proxies.close(), c.network.close())
	c.client.CloseIdleConnections()
	if c.own && !c.options.Keep {
		errs = append(errs, os.RemoveAll(c.Dir))
	}
	return errors.Join(errs...)
}

// poll calls f every few milliseconds until it returns nil or the context ends; then the error tells what f said last.
func (c *Cluster) poll(ctx context.Context, what string, f func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		try, cancel := context.WithTimeout(ctx, 2*c.patience())
		err := f(try)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}
