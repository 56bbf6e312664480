// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// snapshot is the disk of a host as it was: data directory and state directory.
type snapshot struct {
	at       core.Instant
	wal      wal
	wasOpen  bool
	systemID uint64
	disk     core.OfDisk
}

// snapshotAge is how old a snapshot is at least when a host is put back to it. A younger one is a disk that lies about what it has
// flushed; nothing is promised for those.
const snapshotAge = 4 * core.Second

// keepSnapshot takes a snapshot now and then.
func (w *world) keepSnapshot(h *host) {
	p := &h.pg
	if !p.exists || !p.ready || w.now.Sub(h.snapshot.at) < snapshotAge+core.Second {
		return
	}
	h.snapshot, h.older = snapshot{w.now, p.wal, p.wasOpen || p.primary, p.systemID, h.saved.OfDisk}, h.snapshot
}

// rollBack puts a host back to an older disk, and starts it.
func (w *world) rollBack(h *host, after core.Span) {
	if !h.up {
		return
	}
	w.powerOff(h)
	s := h.snapshot
	if w.now.Sub(s.at) < snapshotAge {
		s = h.older
	}
	if p := &h.pg; s.at != 0 && p.exists {
		w.say("%s: its disk is put back to what it was at %s, from %s to %s", h.name, s.at.Sub(0), p.wal.end, s.wal.end)
		*p = server{exists: true, endKnown: true, pid: p.pid, wal: s.wal, replayed: s.wal.end, wasOpen: s.wasOpen, systemID: s.systemID}
		h.saved.OfDisk = s.disk
		w.rolledBack = true
	}
	w.after(after, func() { w.boot(h) })
}
