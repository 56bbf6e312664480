// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// commit is one that a client waits for. Its place in the WAL, on a branch that only one promotion made, is its identity.
type commit struct {
	lsn   core.LSN
	epoch core.Epoch
	pid   int
}

// sessionsEach is how many clients write to each primary; one that waits writes nothing.
const sessionsEach = 3

// write lets the clients of a primary commit.
func (w *world) write(h *host) {
	p := &h.pg
	if h.trouble["full"] > 0 && p.running && w.chance(0.1) {
		w.say("%s: PostgreSQL panics on a full disk", h.name)
		p.kill(w)
		return
	}
	if p.stopping {
		p.waiting = nil // connections are closed, nobody is told anything
		return
	}
	for range sessionsEach - len(p.waiting) {
		if !w.chance(0.6) {
			continue
		}
		p.wal.end += core.LSN(1 + w.rng.Intn(2000))
		c := commit{p.wal.end, p.epoch, p.pid}
		if !p.conf.defined || c.lsn <= p.released {
			w.acknowledge(h, c)
			continue
		}
		p.waiting = append(p.waiting, c)
	}
	if len(p.waiting) > 0 && w.chance(0.002) {
		w.judge.ledger.cancelled++ // the client is answered, with a warning; nobody promised it anything
		p.waiting = p.waiting[1:]
	}
	for _, s := range p.senders {
		w.feed(s)
	}
}

// count is a walsender that looks whether enough standbys have flushed: by its own setting, of those who take themselves for
// synchronous.
func (w *world) count(s *stream) {
	h := s.from
	p := &h.pg
	if s.cascading || !p.primary || s.conf.k == 0 || s.flush == 0 || !s.conf.lists(s.to.name) {
		return
	}
	var flushed []core.LSN
	for _, x := range p.senders {
		if !x.cascading && x.flush > 0 && x.conf.lists(x.to.name) {
			flushed = append(flushed, x.flush)
		}
	}
	if len(flushed) < s.conf.k {
		return
	}
	slices.Sort(flushed)
	w.release(h, flushed[len(flushed)-s.conf.k])
}

// release lets those go that wait for a position up to one.
func (w *world) release(h *host, upTo core.LSN) {
	p := &h.pg
	p.released = max(p.released, upTo)
	var rest []commit
	for _, c := range p.waiting {
		if c.lsn <= p.released {
			w.acknowledge(h, c)
		} else {
			rest = append(rest, c)
		}
	}
	p.waiting = rest
}

// acknowledge judges a commit that need not wait any more, and tells the client, unless its backend is killed first.
func (w *world) acknowledge(h *host, c commit) {
	w.judge.ledger.released(w, h, c)
	w.on(h, w.span(0, 8*core.Millisecond), func() {
		if (h.pg.running || h.pg.orphans) && h.pg.pid == c.pid {
			w.judge.ledger.answered++
		}
	})
}
