// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// proxies stand in front of the nodes' etcds and can make what these answer late.
type proxies struct {
	mu        sync.Mutex
	listeners []net.Listener
	shortest  atomic.Int64
	longest   atomic.Int64
}

// DelayDCS makes each answer of an etcd come late by a time between the two. Options.Proxy is needed.
func (c *Cluster) DelayDCS(shortest, longest time.Duration) {
	c.proxies.shortest.Store(int64(shortest))
	c.proxies.longest.Store(int64(longest))
}

func (n *Node) proxyPort() int { return n.ports.etcdClient + 10000 }

// startProxy puts the proxy in front of the node's etcd, unless there is one or none is wanted.
func (n *Node) startProxy() error {
	if !n.cluster.options.Proxy || n.proxied {
		return nil
	}
	var listener net.Listener
	err := inNamespace(n.cluster.network.namespace(n.index), func() (err error) {
		listener, err = net.Listen("tcp", n.join(n.proxyPort()))
		return err
	})
	if err != nil {
		return fmt.Errorf("proxy of %s: %w", n.Name, err)
	}
	n.proxied = true
	p := &n.cluster.proxies
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = append(p.listeners, listener)
	go n.accept(listener)
	return nil
}

func (n *Node) accept(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return // closed
		}
		go n.relay(near)
	}
}

// relay joins a connection with one to the node's etcd until either ends.
func (n *Node) relay(near net.Conn) {
	defer near.Close()
	var far net.Conn
	err := inNamespace(n.cluster.network.namespace(n.index), func() (err error) {
		far, err = net.DialTimeout("tcp", n.Address+":"+strconv.Itoa(n.ports.etcdClient), time.Second)
		return err
	})
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		defer near.Close()
		n.cluster.proxies.copyLate(near, far)
	}()
	_, _ = io.Copy(far, near)
}

// chunk is what came at once, and when it is due.
type chunk struct {
	data []byte
	due  time.Time
}

// copyLate passes on what it reads, in order, each chunk late by a time of its own.
func (p *proxies) copyLate(to io.Writer, from io.Reader) {
	queue := make(chan chunk, 1024)
	go func() {
		defer close(queue)
		for {
			data := make([]byte, 32<<10)
			count, err := from.Read(data)
			if count > 0 {
				queue <- chunk{data[:count], time.Now().Add(p.delay())}
			}
			if err != nil {
				return
			}
		}
	}()
	failed := false
	for c := range queue { // to its end also after an error, so that the reader ends
		<-time.After(time.Until(c.due))
		if !failed {
			_, err := to.Write(c.data)
			failed = err != nil
		}
	}
}

func (p *proxies) delay() time.Duration {
	shortest, longest := p.shortest.Load(), p.longest.Load()
	if longest <= shortest {
		return time.Duration(shortest)
	}
	return time.Duration(shortest + rand.Int64N(longest-shortest))
}

func (p *proxies) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, l := range p.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
