// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// network with a server on each of two nodes that sends one byte to whoever connects.
func greeting(t *testing.T, ports ...int) (*namespaces, []*Node) {
	t.Helper()
	if err := Preflight(); err != nil {
		t.Fatalf("this test needs what the end-to-end tests need: %v", err)
	}
	n := &namespaces{prefix: "pgv-" + strconv.Itoa(os.Getpid()) + "-t-", nodes: 2}
	if err := n.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
		if left := n.existing(); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	cluster := &Cluster{network: n}
	nodes := []*Node{newNode(cluster, 0), newNode(cluster, 1)}
	for i := range nodes {
		for _, port := range ports {
			greet(t, n.namespace(i), port)
		}
	}
	return n, nodes
}

func greet(t *testing.T, namespace string, port int) {
	t.Helper()
	err := inNamespace(namespace, func() error {
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return err
		}
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte("h"))
				conn.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reach tells whether a client in a namespace gets the byte.
func reach(namespace, address string, port int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
	defer cancel()
	err := inNamespace(namespace, func() error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		defer conn.Close()
		deadline, _ := ctx.Deadline()
		return errors.Join(conn.SetDeadline(deadline), read(conn))
	})
	return err == nil
}

func read(conn net.Conn) error {
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

func TestCutsDropWhatTheySayAndHealUndoesThem(t *testing.T) {
	n, nodes := greeting(t, 2379, 5432)
	one, two := nodes[0], nodes[1]
	type path struct {
		from string
		to   *Node
		port int
	}
	clientToOne := path{n.clients(), one, 5432}
	clientToTwo := path{n.clients(), two, 5432}
	twoToOne := path{n.namespace(1), one, 5432}
	oneToTwo := path{n.namespace(0), two, 5432}
	etcdTwoToOne := path{n.namespace(1), one, 2379}
	etcdOneToTwo := path{n.namespace(0), two, 2379}
	oneToItself := path{n.namespace(0), one, 2379}
	all := []path{clientToOne, clientToTwo, twoToOne, oneToTwo, etcdTwoToOne, etcdOneToTwo, oneToItself}
	cases := []struct {
		name string
		do   func() error
		dead []path
	}{
		{"nothing", func() error { return nil }, nil},
		{"cut off", func() error { return one.Cut(Cut{}) }, []path{clientToOne, twoToOne, oneToTwo, etcdTwoToOne, etcdOneToTwo}},
		{"from one peer", func() error { return one.Cut(Cut{Peers: []*Node{two}}) }, []path{twoToOne, oneToTwo, etcdTwoToOne, etcdOneToTwo}},
		{"only etcd", func() error { return one.Cut(Cut{Ports: []int{2379}}) }, []path{etcdTwoToOne, etcdOneToTwo}},
		{"inbound", func() error { return one.Cut(Cut{Direction: Inbound}) }, []path{clientToOne, twoToOne, oneToTwo, etcdTwoToOne, etcdOneToTwo}},
		{"outbound to the peer", func() error { return one.Cut(Cut{Direction: Outbound, Peers: []*Node{two}}) }, []path{twoToOne, oneToTwo, etcdTwoToOne, etcdOneToTwo}},
		{"unplugged", one.Unplug, []path{clientToOne, twoToOne, oneToTwo, etcdTwoToOne, etcdOneToTwo}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			dead := make(map[path]bool)
			for _, p := range c.dead {
				dead[p] = true
			}
			for _, p := range all {
				if got := reach(p.from, p.to.Address, p.port); got == dead[p] {
					t.Errorf("%s to %s:%d: reached = %t", p.from, p.to.Address, p.port, got)
				}
			}
			if err := one.Heal(); err != nil {
				t.Fatal(err)
			}
			for _, p := range all {
				healed(t, func() bool { return reach(p.from, p.to.Address, p.port) })
			}
		})
	}
}

func healed(t *testing.T, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !reached(); {
		if time.Now().After(end) {
			t.Fatal("not reached again 5 s after the cut was healed")
		}
	}
}
