// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const (
	// late is how much longer than the quickest one a beat may have been on its way.
	late = 500 * core.Millisecond
	// nonceLife is how long a question may be answered.
	nonceLife = core.Second
	// askEvery is the time between two questions.
	askEvery = 100 * core.Millisecond
	// silence is the time without a beat after which the next one is news.
	silence = core.Second
	// driftPercent is more than what two hosts' clocks may drift apart.
	driftPercent = 1
	// maxStrangers bounds the senders that are remembered before the members are known.
	maxStrangers = 64
)

// sender is another supervisor as heard.
type sender struct {
	name string
	// session is its process, addr where its datagrams come from.
	session uint64
	addr    netip.AddrPort
	// at is when beat arrived, ahead how far our clock was then ahead of its at the least, for beats that are on their way for long.
	at    core.Instant
	beat  core.Beat
	ahead core.Span
	// promise is the best one to this process.
	promise core.Promise
	// nonce is the question that proves that a process lives, made up at asking, last asked at asked.
	nonce         uint64
	asking, asked core.Instant
}

// listen receives until ctx ends.
func (p *Peers) listen(ctx context.Context) {
	buffer := make([]byte, maxMessage+1)
	for {
		n, from, err := p.socket.ReadFromUDPAddrPort(buffer)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.Log.Warn("heartbeats cannot be received", "error", err)
			if !pause(ctx, time.Second) {
				return
			}
		default:
			p.receive(buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		}
	}
}

// receive takes one datagram.
func (p *Peers) receive(data []byte, from netip.AddrPort) {
	m, err := decode(data, p.Secret)
	p.mu.Lock()
	p.counts.Received++
	f := fault(err)
	if err == nil {
		f = p.take(m, from)
	}
	worth := p.drop(f)
	p.mu.Unlock()
	if worth {
		p.Log.Warn("heartbeat dropped", "fault", f.String(), "from", from.String())
	}
}

// take takes a message, and returns why it does not. The caller holds mu.
func (p *Peers) take(m message, from netip.AddrPort) Fault {
	switch {
	case m.cluster != p.cluster:
		return Foreign
	case m.from == p.Name || !p.admitted(m.from, from.Addr()):
		return Stranger
	case m.kind == kindPromise:
		return p.promised(m)
	case m.kind == kindWho:
		return p.answer(m.nonce, from)
	}
	return p.hear(m, from)
}

// admitted tells whether a member may be heard, and from there. The caller holds mu.
func (p *Peers) admitted(name string, from netip.Addr) bool {
	c, known := p.book.of(name)
	switch {
	case p.Secret == nil:
		return known && c.at(from)
	case p.book.met:
		return known
	}
	return len(p.senders) < maxStrangers
}

// at tells whether the contact has an address.
func (c contact) at(from netip.Addr) bool {
	return slices.Contains(c.from, from)
}

// hear takes a beat. The caller holds mu.
func (p *Peers) hear(m message, from netip.AddrPort) Fault {
	s, now := p.sender(m.from), p.Clock()
	ahead := now.Sub(m.beat.SentAt)
	known := s.session == m.session
	switch {
	case known && m.beat.SentAt <= s.beat.SentAt:
		return Repeated
	case known && ahead <= s.leastAhead(now)+late:
		ahead = min(ahead, s.leastAhead(now))
	case m.nonce != 0 && m.nonce == s.nonce && now.Sub(s.asking) <= nonceLife:
		s.nonce = 0
	default:
		p.ask(s, from, now)
		return Unproven
	}
	news := !sameContent(m.beat, s.beat) || m.beat.Ask != 0 || now.Sub(s.at) > silence || p.watch.fired(s.name)
	s.session, s.addr, s.ahead, s.at, s.beat = m.session, from, ahead, now, m.beat
	p.watch.heard(s.name)
	if news {
		p.nudge()
	}
	return fine
}

// leastAhead is how far our clock is ahead of the sender's at the least, as far as is known now.
func (s *sender) leastAhead(now core.Instant) core.Span {
	return s.ahead + now.Sub(s.at)*driftPercent/100
}

// ask has a sender prove that it lives. The caller holds mu.
func (p *Peers) ask(s *sender, to netip.AddrPort, now core.Instant) {
	if s.asked != 0 && now.Sub(s.asked) < askEvery {
		return
	}
	if s.nonce == 0 || now.Sub(s.asking) > nonceLife {
		s.nonce, s.asking = random(), now
	}
	s.asked = now
	p.post(message{kind: kindWho, nonce: s.nonce}, to)
}

// answer proves that this process lives, if it has anything to say. The caller holds mu.
func (p *Peers) answer(nonce uint64, to netip.AddrPort) Fault {
	if beat, ok := p.words(); ok {
		p.post(message{kind: kindBeat, beat: beat, nonce: nonce}, to)
	}
	return fine
}

// promised takes a promise to this process. The caller holds mu.
func (p *Peers) promised(m message) Fault {
	if m.to != p.session || m.promise.To != p.Name || m.promise.SentAt > p.speech.sentAt {
		return Unproven
	}
	s := p.sender(m.from)
	if better(m.promise, s.promise) {
		s.promise = m.promise
		p.nudge()
	}
	return fine
}

// better tells whether a promise is of a newer epoch, or ends later.
func better(a, b core.Promise) bool {
	if a.Epoch != b.Epoch {
		return a.Epoch > b.Epoch
	}
	return a.SentAt.Add(a.For) > b.SentAt.Add(b.For)
}
