// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// stream is a replication connection: a walsender on one host and a walreceiver on another. Each end may be gone without
// the other's knowing.
type stream struct {
	from, to *host
	// conf is the walsender's own copy of synchronous_standby_names, confAt which change of the file it is.
	conf   syncNames
	confAt int
	// cascading is a walsender of a standby: it lets nobody go.
	cascading                bool
	senderGone, receiverGone bool
	// sent is what was last sent, flush and replay what the standby last said, zero before it said anything.
	sent          wal
	sentAt        core.Instant
	flush, replay core.LSN
	// written has reached the standby's memory, flushAt is when the last flush under way ends.
	written wal
	flushAt core.Instant
	// end is where the sender's WAL ended when it last said so.
	end core.LSN
	// heardAt and repliedAt are when the ends last heard of each other.
	heardAt, repliedAt core.Instant
	down, up           pipe
}

// streamTimeout is wal_sender_timeout and wal_receiver_timeout.
const streamTimeout = 5 * core.Second

// keepalive is how long a walsender with nothing to send is silent.
const keepalive = 500 * core.Millisecond

// pipe is one direction of a connection: in order, and as long as the network is cut nothing gets through.
type pipe struct {
	queue []packet
	last  core.Instant
}

type packet struct {
	at core.Instant
	do func()
}

// push sends something down a pipe from one host to another.
func (w *world) push(p *pipe, from, to *host, do func()) {
	p.last = max(p.last, w.now.Add(w.wire(from, to)))
	p.queue = append(p.queue, packet{p.last, do})
	w.at(p.last, func() { w.drain(p, from, to) })
}

// drain hands over what has arrived; over a cut it is sent again and again.
func (w *world) drain(p *pipe, from, to *host) {
	for len(p.queue) > 0 && p.queue[0].at <= w.now {
		if !w.passes(from, to) || to.paused > 0 {
			p.queue[0].at = w.now.Add(w.span(20*core.Millisecond, 200*core.Millisecond))
			w.at(p.queue[0].at, func() { w.drain(p, from, to) })
			return
		}
		do := p.queue[0].do
		p.queue = p.queue[1:]
		do()
	}
}

// feed lets a walsender send what is new, or that it is alive.
func (w *world) feed(s *stream) {
	wal := s.from.pg.wal
	idle := wal.end == s.sent.end && len(wal.branches) == len(s.sent.branches)
	if s.senderGone || s.from.paused > 0 || idle && w.now.Sub(s.sentAt) < keepalive || !wal.contains(s.sent) {
		return
	}
	if s.cascading && s.from.pg.primary { // the standby asks again for the new timeline
		s.cascading = false
		s.conf, s.confAt = s.from.pg.conf.postmaster, s.from.pg.conf.forked
	}
	s.sent, s.sentAt = wal, w.now
	w.push(&s.down, s.from, s.to, func() { w.arrive(s, wal) })
}

// arrive is WAL that reaches a walreceiver, which flushes it and says so.
func (w *world) arrive(s *stream, x wal) {
	if s.receiverGone {
		return
	}
	s.heardAt, s.end = w.now, x.end
	if x.contains(s.written) {
		s.written = x
	}
	sync := w.span(200_000, 3*core.Millisecond)
	if s.to.trouble["lag"] > 0 {
		sync = w.span(0, 800*core.Millisecond)
	}
	s.flushAt = max(s.flushAt, w.now.Add(sync))
	w.on(s.to, s.flushAt.Sub(w.now), func() {
		if !s.receiverGone {
			w.flush(s, x)
			w.reply(s)
		}
	})
}

// flush makes WAL durable on the standby.
func (w *world) flush(s *stream, x wal) {
	p := &s.to.pg
	if x.contains(p.wal) && (x.end > p.wal.end || len(x.branches) > len(p.wal.branches)) {
		w.judge.received(w, s.to, x)
		p.wal = x
	}
}

// reply tells the walsender how far the standby is.
func (w *world) reply(s *stream) {
	flush, replay := s.to.pg.wal.end, s.to.pg.replayed
	w.push(&s.up, s.to, s.from, func() {
		if s.senderGone {
			return
		}
		s.repliedAt, s.flush, s.replay = w.now, flush, replay
		w.count(s)
	})
}

// endReceiver ends a walreceiver in order: what it has written it flushes.
func (w *world) endReceiver(s *stream) {
	if s.receiverGone {
		return
	}
	w.flush(s, s.written)
	w.dropReceiver(s)
}

// dropReceiver takes a walreceiver away. The sender hears of it if the network lets it.
func (w *world) dropReceiver(s *stream) {
	s.receiverGone = true
	if s.to.pg.receiver == s {
		s.to.pg.receiver = nil
	}
	w.push(&s.up, s.to, s.from, func() { w.dropSender(s) })
}

// dropSender takes a walsender away, likewise.
func (w *world) dropSender(s *stream) {
	if s.senderGone {
		return
	}
	s.senderGone = true
	p := &s.from.pg
	var rest []*stream
	for _, x := range p.senders {
		if x != s {
			rest = append(rest, x)
		}
	}
	p.senders = rest
	w.push(&s.down, s.from, s.to, func() { w.endReceiver(s) })
}

// expire ends the ends of a stream that have not heard of each other for too long.
func (w *world) expire(h *host) {
	if r := h.pg.receiver; r != nil && w.now.Sub(r.heardAt) > streamTimeout {
		w.endReceiver(r)
	}
	for _, s := range h.pg.senders {
		if w.now.Sub(s.repliedAt) > streamTimeout {
			w.dropSender(s)
		}
	}
}

// disconnect ends every stream of a server that is gone, without a word of its own.
func (w *world) disconnect(p *server) {
	for _, s := range p.senders {
		w.dropSender(s)
	}
	if r := p.receiver; r != nil {
		if w.chance(0.5) {
			w.flush(r, r.written)
		}
		w.dropReceiver(r)
	}
}
