// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// network carries datagrams in no time, inside a bubble.
type network struct {
	mu    sync.Mutex
	at    map[netip.AddrPort]*plug
	start time.Time
	// cut tells which datagrams are lost; nil loses none.
	cut func(from, to netip.AddrPort) bool
	// tape are all datagrams, also those that were lost.
	tape []packet
}

type packet struct {
	data     []byte
	from, to netip.AddrPort
	at       time.Time
}

func newNetwork() *network {
	return &network{at: map[netip.AddrPort]*plug{}, start: time.Now()}
}

// plug is a socket.
type plug struct {
	net  *network
	addr netip.AddrPort
	in   chan packet
	done chan struct{}
}

func (n *network) plug(addr netip.AddrPort) *plug {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &plug{net: n, addr: addr, in: make(chan packet, 1000), done: make(chan struct{})}
	n.at[addr] = p
	return p
}

// inject delivers a datagram as if it came from somewhere.
func (n *network) inject(data []byte, from, to netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.at[to]; p != nil {
		p.in <- packet{data: data, from: from}
	}
}

// sent is what one sent to another since the last call.
func (n *network) sent(from, to netip.AddrPort) (out []packet) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.tape {
		if p.from == from && p.to == to {
			out = append(out, p)
		}
	}
	n.tape = nil
	return out
}

// lose changes what is lost.
func (n *network) lose(cut func(from, to netip.AddrPort) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
}

func (p *plug) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case got := <-p.in:
		return copy(b, got.data), got.from, nil
	case <-p.done:
		return 0, netip.AddrPort{}, io.EOF
	}
}

func (p *plug) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	n := p.net
	n.mu.Lock()
	n.tape = append(n.tape, packet{bytes.Clone(b), p.addr, to, time.Now()})
	lost := n.cut != nil && n.cut(p.addr, to)
	n.mu.Unlock()
	if !lost {
		n.inject(bytes.Clone(b), p.addr, to)
	}
	return len(b), nil
}

func (p *plug) Close() error {
	close(p.done)
	return nil
}

// bubbleAlarm is an alarm of the bubble's time.
type bubbleAlarm struct{ *time.Timer }

func (a bubbleAlarm) set(after time.Duration) {
	if a.Stop(); after > 0 {
		a.Reset(after)
	}
}

func (a bubbleAlarm) close() { a.Stop() }

// host is a supervisor's room, with what a loop would do.
type host struct {
	*Peers
	addr netip.AddrPort
	log  *bytes.Buffer
	// offset of its clock.
	offset *time.Duration
	closed bool
}

var (
	addrA = netip.MustParseAddrPort("10.0.0.1:8008")
	addrB = netip.MustParseAddrPort("10.0.0.2:8008")
	addrC = netip.MustParseAddrPort("10.0.0.3:8008")
)

func address(name string) netip.AddrPort {
	return map[string]netip.AddrPort{"a": addrA, "b": addrB, "c": addrC}[name]
}

func members(names ...string) (out []core.Versioned[core.Member]) {
	for _, n := range names {
		addr := address(n)
		out = append(out, core.Versioned[core.Member]{Rev: 1, Value: core.Member{Name: n, API: addr.String(), Host: addr.Addr().String()}})
	}
	return out
}

// boot starts a supervisor that knows a, b and c. Its clock has been running for a span.
func (n *network) boot(t *testing.T, name, secret string, uptime time.Duration) *host {
	h := &host{addr: address(name), log: &bytes.Buffer{}, offset: new(time.Duration)}
	start := time.Now()
	c := Config{
		Cluster: "demo", Namespace: "/service", Name: name, Interval: 200 * core.Millisecond, ProbeGrace: 300 * core.Millisecond,
		Clock: func() core.Instant { return core.Instant(uptime + time.Since(start) + *h.offset) },
		Log:   slog.New(slog.NewTextHandler(h.log, nil)),
	}
	if secret != "" {
		c.Secret = []byte(secret)
	}
	h.Peers = New(c)
	h.open(n.plug(h.addr), bubbleAlarm{time.AfterFunc(time.Hour, h.silent)})
	h.Meet(members("a", "b", "c"))
	t.Cleanup(h.stop)
	return h
}

// stop ends the process.
func (h *host) stop() {
	if !h.closed {
		h.closed = true
		h.Close()
	}
}

// pass lets the bubble's time go on.
func pass(d time.Duration) { <-time.After(d) }

// ticks tells a beat for a while, as a loop does.
func (h *host) ticks(d time.Duration, beat core.Beat) {
	for end := time.Now().Add(d); time.Now().Before(end); pass(min(500*time.Millisecond, time.Until(end))) {
		h.Tell(&beat)
	}
}

// nudges counts the nudges since the last call.
func (h *host) nudged() bool {
	select {
	case <-h.Changed():
		return true
	default:
		return false
	}
}

// of is what was heard of a member.
func (h *host) of(name string) core.Heard {
	for _, x := range h.Heard() {
		if x.Name == name {
			return x
		}
	}
	return core.Heard{}
}

// age is how long ago the last beat of a member came.
func (h *host) age(name string) core.Span { return h.Clock().Sub(h.of(name).At) }
