// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// ledger is what was acknowledged, under which epoch and by whom. It judges the promises of quorum durability:
//
//   - in one epoch one member acknowledges;
//   - what was acknowledged is on every PostgreSQL that is promoted in a later epoch; so whoever was deposed acknowledges nothing
//     any more but what his successor has.
//
// A commit counts from when it need not wait any more, whether or not its client lived to be told. Commits whose wait a client
// cancelled are counted, nobody promised them anything. An operator who forces a failover forgives what is lost by it.
type ledger struct {
	answered, cancelled, count int
	acked                      map[core.Epoch]wal
	by                         map[core.Epoch]string
	openings                   []opening
	// forgiven is the last epoch that an operator forced; lastAt is when the last commit was acknowledged, under lastEpoch.
	forgiven  core.Epoch
	lastAt    core.Instant
	lastEpoch core.Epoch
}

// opening is a promotion, and the WAL it opened with.
type opening struct {
	name  string
	epoch core.Epoch
	wal   wal
}

// released judges a commit that need not wait any more.
func (l *ledger) released(w *world, h *host, c commit) {
	x := h.pg.wal
	x.end = c.lsn
	l.count++
	l.lastAt, l.lastEpoch = w.now, c.epoch
	if who := l.by[c.epoch]; who != "" && who != h.name {
		w.judge.fail(w, "%s and %s acknowledge in epoch %d", who, h.name, c.epoch)
	}
	l.acked[c.epoch], l.by[c.epoch] = x, h.name
	for _, o := range l.openings {
		if o.epoch > c.epoch && c.epoch >= l.forgiven && !o.wal.contains(x) {
			w.judge.fail(w, "%s acknowledges %s under epoch %d, which %s opened without in epoch %d", h.name, c.lsn, c.epoch, o.name, o.epoch)
		}
	}
}

// opened judges a promotion.
func (l *ledger) opened(w *world, h *host) {
	o := opening{h.name, h.pg.epoch, h.pg.wal}
	l.openings = append(l.openings, o)
	for e := l.forgiven; e < o.epoch; e++ {
		if x, ok := l.acked[e]; ok && !o.wal.contains(x) {
			w.judge.fail(w, "%s opens at %s without what %s acknowledged up to %s in epoch %d", h.name, o.wal.end, l.by[e], x.end, e)
		}
	}
}

// acknowledging tells whether commits go through, under the epoch in force and since an instant.
func (w *world) acknowledging(since core.Instant) bool {
	l := &w.judge.ledger
	return w.primary() != nil && (!w.quorum || l.lastAt > since && l.lastEpoch == w.store.view.Epoch.Value.Epoch)
}
