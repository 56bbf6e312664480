// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// flowOfProcesses is flow where PostgreSQL is modelled process by process.
func (w *world) flowOfProcesses() {
	for _, h := range w.hosts {
		if h.paused > 0 {
			continue
		}
		if h.pg.writable() {
			w.write(h)
		}
		for _, s := range h.pg.senders {
			w.feed(s)
		}
		w.expire(h)
		w.listen(h)
		w.seek(h)
		w.replay(h)
		w.keepSnapshot(h)
		if w.chance(0.02) {
			w.keepArchive(h)
		}
		w.observe(h)
	}
	w.judge.watch(w)
	w.after(flowEvery, w.flow)
}

// replay lets a standby apply what it has; it accepts connections once it is consistent.
func (w *world) replay(h *host) {
	p := &h.pg
	switch {
	case !p.running || p.primary:
		p.replayed = p.wal.end
	case h.trouble["replay-lag"] > 0:
		p.replayed = min(p.wal.end, p.replayed+core.LSN(w.rng.Intn(500)))
	default:
		p.replayed = p.wal.end
	}
	if p.recovering && p.wal.end >= p.consistent {
		p.recovering, p.ready, p.wasOpen = false, true, false
	}
}

// halt ends the processes of a server that is about to be gone.
func (w *world) halt(p *server) {
	if !w.quorum {
		return
	}
	w.disconnect(p)
	p.senders, p.waiting, p.released, p.recovering = nil, nil, 0, false
	p.rec.connecting, p.rec.restoring = false, false
	p.conf.postmaster, p.conf.defined, p.conf.settled, p.conf.barrier = syncNames{}, false, false, 0
}

// launch is a new postmaster, whose processes read the configuration as it is.
func (p *server) launch(upstream string, streamOnly bool) {
	p.upstream, p.streamOnly = upstream, streamOnly
	p.rec = recovery{upstream: upstream, archive: upstream != "" && !streamOnly, fresh: p.rec.fresh, applied: p.rec.fresh}
	value := parseSyncNames(p.conf.file)
	p.conf = settings{file: p.conf.file, postmaster: value, defined: value.k > 0, fresh: p.conf.fresh, forked: p.conf.fresh, flagged: p.conf.fresh}
	p.senders, p.receiver, p.waiting, p.released = nil, nil, nil, 0
}

// sampleProcesses adds what the plugin sees of the processes.
func (w *world) sampleProcesses(h *host, pg *core.Postgres) {
	p := &h.pg
	if pg.Status != core.StatusRunning {
		return
	}
	pg.SyncNames, pg.SyncSettled, pg.SyncBarrier = p.conf.file, p.conf.settled, p.conf.barrier
	pg.Received, pg.Replayed = p.wal.end, p.replayed
	pg.Senders, pg.Receiver = nil, nil
	for _, m := range w.hosts {
		for _, s := range p.senders {
			if s.to != m || s.flush == 0 {
				continue
			}
			state := "async"
			if s.conf.lists(m.name) && !s.cascading {
				state = "quorum"
			}
			pg.Senders = append(pg.Senders, core.Sender{Member: m.name, State: "streaming", SyncState: state, Sent: s.sent.end, Write: s.flush, Flush: s.flush, Replay: s.replay})
		}
	}
	if r := p.receiver; r != nil && !p.primary {
		pg.Receiver = &core.Receiver{Status: "streaming", Host: r.from.name, Port: 5432, Silence: w.now.Sub(r.heardAt), End: r.end}
	}
}
