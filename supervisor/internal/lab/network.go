// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// ports of a node's servers.
type ports struct{ postgres, api, etcdClient, etcdPeer int }

func (p ports) all() []int { return []int{p.postgres, p.api, p.etcdClient, p.etcdPeer} }

func (p ports) shifted(by int) ports {
	return ports{p.postgres + by, p.api + by, p.etcdClient + by, p.etcdPeer + by}
}

// network is where the nodes live and how the lab's own clients reach them.
type network interface {
	// open brings it up; close removes every trace of it.
	open() error
	close() error
	// address of the i-th node, counted from 0, and subnet of all of them and the clients.
	address(i int) string
	subnet() string
	// namespace of the i-th node; empty when it has none of its own.
	namespace(i int) string
	// dial connects as a client outside all nodes does.
	dial(ctx context.Context, network, address string) (net.Conn, error)
}

// loopback puts the nodes on 127.0.n.1, 127.0.n.2 and so on.
type loopback struct{ third int }

func (l *loopback) open() error          { return nil }
func (l *loopback) close() error         { return nil }
func (l *loopback) address(i int) string { return fmt.Sprintf("127.0.%d.%d", l.third, i+1) }
func (l *loopback) subnet() string       { return "127.0.0.0/8" }
func (l *loopback) namespace(int) string { return "" }

func (l *loopback) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, address)
}

var errNoAddress = errors.New("no free loopback addresses: every candidate has something listening on the ports needed")

// freeLoopback finds loopback addresses on which nothing listens, with the usual ports when possible and shifted ones
// when somebody holds those on all addresses.
func freeLoopback(nodes int, usual ports) (*loopback, ports, error) {
	for _, shift := range []int{0, 10000, 20000, 30000} {
		candidate := usual.shifted(shift)
		for third := 64; third < 128; third++ {
			l := &loopback{third: third}
			if l.free(nodes, candidate) {
				return l, candidate, nil
			}
		}
	}
	return nil, ports{}, errNoAddress
}

func (l *loopback) free(nodes int, p ports) bool {
	for i := range nodes {
		for _, port := range p.all() {
			listener, err := net.Listen("tcp", net.JoinHostPort(l.address(i), strconv.Itoa(port)))
			if err != nil {
				return false
			}
			listener.Close()
		}
	}
	return true
}
