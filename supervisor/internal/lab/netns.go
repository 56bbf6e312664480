// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespaces puts every node into a network namespace of its own, joined by a bridge in one more namespace, with the
// clients in another: nothing of it is seen in the machine's own network.
type namespaces struct {
	prefix string
	nodes  int
	// virtual is how many of the nodes, the last ones, are virtual machines: of these the network card's other end is
	// a tap device on the bridge.
	virtual int
}

func newNamespaces(nodes, virtual int) *namespaces {
	prefix := fmt.Sprintf("pgv-%d-%s-", os.Getpid(), strings.ToLower(rand.Text()[:6]))
	return &namespaces{prefix: prefix, nodes: nodes, virtual: virtual}
}

// Preflight tells what is missing for nodes in network namespaces, nil when nothing is.
func Preflight() error {
	if os.Geteuid() != 0 {
		return errors.New("nodes in network namespaces need root")
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("nodes in network namespaces need %s: %w", program, err)
		}
	}
	n := &namespaces{prefix: fmt.Sprintf("pgv-%d-probe-", os.Getpid()), nodes: 1}
	err := errors.Join(n.open(), n.cut(0, Cut{}), n.close())
	if err != nil {
		return fmt.Errorf("this machine cannot do network namespaces with nftables: %w", err)
	}
	return nil
}

func (n *namespaces) address(i int) string { return fmt.Sprintf("10.99.0.%d", i+1) }
func (n *namespaces) subnet() string       { return "10.99.0.0/24" }
func (n *namespaces) hub() string          { return n.prefix + "switch" }
func (n *namespaces) clients() string      { return n.prefix + "clients" }
func (n *namespaces) port(i int) string    { return fmt.Sprintf("port%d", i+1) }
func (n *namespaces) isVirtual(i int) bool { return i >= n.nodes-n.virtual }

// namespace of a virtual machine is the one with its tap device: the rest of its network is inside it.
func (n *namespaces) namespace(i int) string {
	if n.isVirtual(i) {
		return n.hub()
	}
	return fmt.Sprintf("%snode%d", n.prefix, i+1)
}

func (n *namespaces) open() error {
	if err := n.openHub(); err != nil {
		return errors.Join(err, n.close())
	}
	for i := range n.nodes {
		if err := n.plug(i); err != nil {
			return errors.Join(err, n.close())
		}
	}
	if err := n.join(n.clients(), "clients", "10.99.0.254"); err != nil {
		return errors.Join(err, n.close())
	}
	return nil
}

func (n *namespaces) openHub() error {
	return batch(
		"ip netns add "+n.hub(),
		"ip -n "+n.hub()+" link add br0 type bridge",
		"ip -n "+n.hub()+" link set br0 up",
	)
}

// plug connects a node to the bridge.
func (n *namespaces) plug(i int) error {
	if !n.isVirtual(i) {
		return n.join(n.namespace(i), n.port(i), n.address(i))
	}
	return batch(
		"ip -n "+n.hub()+" tuntap add "+n.port(i)+" mode tap",
		"ip -n "+n.hub()+" link set "+n.port(i)+" master br0 up",
	)
}

func (n *namespaces) join(namespace, port, address string) error {
	return batch(
		"ip netns add "+namespace,
		"ip -n "+namespace+" link set lo up",
		"ip -n "+n.hub()+" link add "+port+" type veth peer name eth0 netns "+namespace,
		"ip -n "+n.hub()+" link set "+port+" master br0 up",
		"ip -n "+namespace+" address add "+address+"/24 dev eth0",
		"ip -n "+namespace+" link set eth0 up",
	)
}

// close removes the namespaces; links, addresses and packet filters go with them.
func (n *namespaces) close() error {
	var errs []error
	for _, path := range n.existing() {
		errs = append(errs, remove(path))
	}
	return errors.Join(errs...)
}

// remove deletes a network namespace; another lab may be sweeping at the same time.
func remove(path string) error {
	err := batch("ip netns delete " + filepath.Base(path))
	if _, gone := os.Stat(path); os.IsNotExist(gone) {
		return nil
	}
	return err
}

func (n *namespaces) existing() []string {
	paths, err := filepath.Glob("/run/netns/" + n.prefix + "*")
	if err != nil {
		return nil
	}
	return paths
}

func (n *namespaces) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return DialFrom(n.clients())(ctx, network, address)
}

// DialFrom connects as a program in a network namespace does.
func DialFrom(namespace string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = inNamespace(namespace, func() (err error) {
			var dialer net.Dialer
			conn, err = dialer.DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
}

// inNamespace runs f on a thread that has moved into a network namespace; sockets that f makes and processes that it
// starts belong to that namespace. With an empty name f runs where it is.
func inNamespace(name string, f func() error) error {
	if name == "" {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		// The thread is never given back: it ends with this goroutine.
		runtime.LockOSThread()
		done <- enter(name, f)
	}()
	return <-done
}

func enter(name string, f func() error) error {
	handle, err := os.Open("/run/netns/" + name)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := unix.Setns(int(handle.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", name, err)
	}
	return f()
}

// batch runs commands, words separated by single spaces, until one fails.
func batch(lines ...string) error {
	for _, line := range lines {
		words := strings.Split(line, " ")
		if output, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}
