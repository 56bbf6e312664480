// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"net/netip"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// confirmed is how long what a tick said is repeated: a loop that hangs falls silent. A loop ticks every second at least.
const confirmed = 1500 * core.Millisecond

// speech is what to say.
type speech struct {
	beat *core.Beat
	// told is the last tick that said so, sentAt when it was last sent.
	told   core.Instant
	sentAt core.Instant
	// speaking says that the speaker repeats it by itself.
	speaking bool
}

// Tell says what to repeat to the others; nil is nothing. It must be called again within confirmed. What is new is said at once.
func (p *Peers) Tell(beat *core.Beat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.speech
	news := beat != nil && (!s.speaking || s.beat == nil || !sameContent(*s.beat, *beat))
	s.beat, s.told = beat, p.Clock()
	if news {
		signal(p.due)
	}
}

// sameContent compares all but when it was sent.
func sameContent(a, b core.Beat) bool {
	a.SentAt, b.SentAt = 0, 0
	return a == b
}

// speak repeats the beat until ctx ends.
func (p *Peers) speak(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-p.out:
			p.send(d)
			continue
		case <-p.due:
		case <-timer.C:
		}
		if p.say() {
			timer.Reset(time.Duration(p.Interval))
		}
	}
}

// say sends the beat to everybody; false when there is nothing to say.
func (p *Peers) say() bool {
	p.mu.Lock()
	beat, ok := p.words()
	p.speech.speaking = ok
	var to []netip.AddrPort
	for _, c := range p.book.contacts {
		if c.to.IsValid() {
			to = append(to, c.to)
		}
	}
	p.mu.Unlock()
	if !ok {
		return false
	}
	data := p.encoded(message{kind: kindBeat, beat: beat})
	for _, a := range to {
		p.send(datagram{data, a})
	}
	return true
}

// words are the beat as of now; false when there is nothing to say. The caller holds mu.
func (p *Peers) words() (core.Beat, bool) {
	s, now := &p.speech, p.Clock()
	if s.beat == nil || now.Sub(s.told) > confirmed {
		return core.Beat{}, false
	}
	beat := *s.beat
	s.sentAt = max(now, s.sentAt+1) // others tell beats apart by it
	beat.Name, beat.SentAt = p.Name, s.sentAt
	return beat, true
}

// Promise sends a promise to whom it is made, where its beat came from.
func (p *Peers) Promise(promise core.Promise) {
	p.mu.Lock()
	var to netip.AddrPort
	var session uint64
	for _, s := range p.senders {
		if s.name == promise.To {
			to, session = s.addr, s.session
		}
	}
	p.mu.Unlock()
	if session != 0 {
		p.post(message{kind: kindPromise, promise: promise, to: session}, to)
	}
}

// post has the speaker send a message; one too many is lost, as datagrams are.
func (p *Peers) post(m message, to netip.AddrPort) {
	data := p.encoded(m)
	select {
	case p.out <- datagram{data, to}:
	default:
	}
}

// encoded is the datagram of a message of this process; nil, and logged, if it is too long.
func (p *Peers) encoded(m message) []byte {
	m.cluster, m.from, m.session = p.cluster, p.Name, p.session
	data, err := encode(m, p.Secret)
	if err != nil {
		p.Log.Error("heartbeat cannot be sent", "error", err)
	}
	return data
}

func (p *Peers) send(d datagram) {
	if d.data == nil {
		return
	}
	_, err := p.socket.WriteToUDPAddrPort(d.data, d.to)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.counts.Unsent++
		return
	}
	p.counts.Sent++
}
