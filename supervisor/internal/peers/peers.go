// SPDX-License-Identifier: Apache-2.0

// Package peers is what supervisors say to each other directly: heartbeats of who leads, and promises in answer to them, by
// datagram. It also asks the PostgreSQL of another member whether it is there. All of it is evidence and none of it proof: the
// core lets nothing rest on it that must hold.
//
// What a datagram that was recorded or forged can do. With a secret, every datagram carries a MAC, so that only recordings are
// left. A beat counts if it is of the sender's present process and no older than it should be; a process that is new, or whose
// beats come late, must first answer a question that this process has just made up. Recorded beats of a process that has ended can
// therefore not make it look alive at all, and datagrams that were held back can keep a dead leader looking alive for two seconds
// at most. A promise names the process it was made to and the instant, on that one's clock, of the beat it answers: repeated or
// delivered late it says the same again, until the same instant. Without a secret, a datagram must come from the host of the member
// it names, and the same questions keep out who cannot read the network between the members; on a network where somebody may, set
// a secret.
package peers

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Config is what the room needs to know. All fields are required but Secret.
type Config struct {
	Cluster, Namespace string
	// Name of this member.
	Name string
	// Listen is the UDP address to receive at, and to send from.
	Listen string
	// Secret is what all members know; nil for none.
	Secret []byte
	// Interval is the time between two beats.
	Interval core.Span
	// ProbeGrace is how long a PostgreSQL may take to answer before that is news.
	ProbeGrace core.Span
	// Clock is CLOCK_BOOTTIME.
	Clock func() core.Instant
	Log   *slog.Logger
}

// Peers are the other supervisors. Its methods may be called by any goroutine between Open and Close, and do not block.
type Peers struct {
	Config
	cluster string
	// session names this process.
	session uint64
	changed chan struct{}
	socket  socket

	// due has the speaker speak at once, out has it send, sought has addresses looked up.
	due    chan struct{}
	out    chan datagram
	sought chan struct{}

	mu      sync.Mutex
	book    book
	speech  speech
	senders []*sender // by name
	watch   watch
	prober  prober
	counts  Counts
	logged  core.Instant

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// socket is a *net.UDPConn.
type socket interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// datagram is one to be sent.
type datagram struct {
	data []byte
	to   netip.AddrPort
}

// New makes a room in which nobody speaks yet.
func New(c Config) *Peers {
	p := &Peers{
		Config: c, cluster: c.Namespace + "/" + c.Cluster, session: random(), changed: make(chan struct{}, 1),
		due: make(chan struct{}, 1), out: make(chan datagram, 16), sought: make(chan struct{}, 1),
	}
	return p
}

// Open begins to listen and to speak.
func (p *Peers) Open() error {
	at, err := net.ResolveUDPAddr("udp", p.Listen)
	if err != nil {
		return fmt.Errorf("heartbeats: %w", err)
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return fmt.Errorf("heartbeats: %w", err)
	}
	bell, err := newKernelAlarm(p.running.Go, p.silent)
	if err != nil {
		conn.Close()
		return fmt.Errorf("heartbeats: %w", err)
	}
	p.open(conn, bell)
	return nil
}

func (p *Peers) open(s socket, bell alarm) {
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	p.socket, p.watch.alarm = s, bell
	p.running.Go(func() { p.listen(ctx) })
	p.running.Go(func() { p.speak(ctx) })
	p.running.Go(func() { p.lookUp(ctx) })
}

// Close ends what Open began, and the probe.
func (p *Peers) Close() {
	p.Probe(nil)
	p.cancel()
	p.watch.alarm.close()
	p.socket.Close()
	p.running.Wait()
}

// Changed is sent to when there is something that may lead to another decision.
func (p *Peers) Changed() <-chan struct{} { return p.changed }

// nudge wakes the loop.
func (p *Peers) nudge() { signal(p.changed) }

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Heard tells what came last from each of the others, by name ascending.
func (p *Peers) Heard() []core.Heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]core.Heard, 0, len(p.senders))
	for _, s := range p.senders {
		if s.at != 0 || s.promise.For != 0 {
			out = append(out, core.Heard{Name: s.name, At: s.at, Beat: s.beat, Promise: s.promise})
		}
	}
	return out
}

// sender finds one by name, and makes it where it is new. The caller holds mu.
func (p *Peers) sender(name string) *sender {
	i, found := slices.BinarySearchFunc(p.senders, name, func(s *sender, n string) int { return strings.Compare(s.name, n) })
	if !found {
		p.senders = slices.Insert(p.senders, i, &sender{name: name})
	}
	return p.senders[i]
}

// random is never 0, which stands for none.
func random() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:]) | 1
}

// pause waits; false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
