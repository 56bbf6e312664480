// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// recovery is what a standby does to get WAL: its startup process has its own copy of the configuration, asks for walreceivers
// by that copy, and runs restore_command.
type recovery struct {
	// upstream and archive are what the startup process has in force of the configuration (server.upstream).
	upstream string
	archive  bool
	fresh    int
	applied  int
	// connecting is a walreceiver on its way; restoring a restore_command under way.
	connecting, restoring bool
	nextTry, nextRestore  core.Instant
}

// aim sets primary_conninfo and restore_command and reloads; an empty name is detaching.
func (w *world) aim(h *host, upstream string, streamOnly bool) {
	p := &h.pg
	p.upstream, p.streamOnly = upstream, streamOnly
	p.rec.fresh++
	n, pid := p.rec.fresh, p.pid
	w.on(h, w.readAnew(h), func() {
		if !p.running || p.pid != pid || p.rec.applied >= n {
			return
		}
		p.rec.applied, p.rec.upstream, p.rec.archive = n, p.upstream, p.upstream != "" && !p.streamOnly
		w.on(h, w.span(0, 20*core.Millisecond), func() {
			if r := p.receiver; r != nil && p.pid == pid && r.from.name != p.rec.upstream {
				w.endReceiver(r)
			}
		})
	})
}

// recover lets a standby look for WAL.
func (w *world) seek(h *host) {
	p := &h.pg
	if !p.running || p.primary || p.stopping || p.promoting != nil {
		return
	}
	if r := p.receiver; r != nil && r.from.name != p.rec.upstream && w.chance(0.3) {
		w.endReceiver(r) // one that was on its way when the configuration changed
	}
	if p.receiver == nil && !p.rec.connecting && p.rec.upstream != "" && w.now >= p.rec.nextTry {
		w.connect(h, w.host(p.rec.upstream))
	}
	if w.archived && p.rec.archive && p.receiver == nil && !p.rec.restoring && w.now >= p.rec.nextRestore {
		w.restore(h)
	}
}

// connect starts a walreceiver; when it is connected it streams, whatever has been configured since.
func (w *world) connect(h, up *host) {
	p, pid := &h.pg, h.pg.pid
	p.rec.connecting = true
	p.rec.nextTry = w.now.Add(w.span(100*core.Millisecond, 300*core.Millisecond))
	w.on(h, w.wire(h, up)+w.span(core.Millisecond, 30*core.Millisecond), func() {
		if p.pid != pid {
			return
		}
		p.rec.connecting = false
		q := &up.pg
		if !p.running || p.primary || p.promoting != nil || p.stopping || p.receiver != nil || !w.linked(h, up) || up.paused > 0 ||
			!q.running || !q.ready || q.stopping || up == h || !q.wal.contains(p.wal) {
			return
		}
		s := &stream{from: up, to: h, conf: q.conf.postmaster, confAt: q.conf.forked, cascading: !q.primary,
			sent: p.wal, written: p.wal, heardAt: w.now, repliedAt: w.now}
		for _, old := range q.senders { // the primary ends the one that it has of this standby
			if old.to == h {
				w.dropSender(old)
			}
		}
		p.receiver, q.senders = s, append(q.senders, s)
		w.judge.ordered(w)
		w.feed(s)
	})
}

// restore runs restore_command once.
func (w *world) restore(h *host) {
	p, pid := &h.pg, h.pg.pid
	p.rec.restoring = true
	p.rec.nextRestore = w.now.Add(w.span(200*core.Millisecond, 600*core.Millisecond))
	w.on(h, w.span(5*core.Millisecond, 100*core.Millisecond), func() {
		if p.pid != pid {
			return
		}
		p.rec.restoring = false
		if !p.running || p.primary || p.promoting != nil {
			return
		}
		for i := len(w.archive) - 1; i >= 0; i-- {
			if x := w.archive[i]; x.contains(p.wal) && x.leadsTo(p.target) && (x.end > p.wal.end || len(x.branches) > len(p.wal.branches)) {
				w.judge.received(w, h, x)
				p.wal = x
				return
			}
		}
	})
}

// leadsTo tells whether a history goes the way of another, as far as that goes.
func (x wal) leadsTo(branches []branch) bool {
	n := len(branches)
	return n <= len(x.branches) && slices.Equal(x.branches[:n], branches)
}

// keepArchive archives what a primary has written; one archive for all.
func (w *world) keepArchive(h *host) {
	p := &h.pg
	if !w.archived || !p.running || !p.primary || h.trouble["cut"] > 0 {
		return
	}
	for i, x := range w.archive {
		if p.wal.contains(x) && len(p.wal.branches) == len(x.branches) {
			w.archive[i] = p.wal
			return
		}
	}
	w.archive = append(w.archive, p.wal)
}

// detached tells whether nothing is received, and nothing can begin to be.
func (p *server) detached() bool {
	return p.upstream == "" && p.rec.upstream == "" && p.rec.applied >= p.rec.fresh && p.receiver == nil && !p.rec.connecting && !p.rec.restoring
}
