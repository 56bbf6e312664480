// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// server is a PostgreSQL with its data directory and its launcher.
type server struct {
	exists  bool
	running bool
	ready   bool // accepts connections
	primary bool
	// orphans are backends that outlived their postmaster; of a primary they can still commit.
	orphans  bool
	stopping bool
	wasOpen  bool // control data say primary
	torn     bool // a rewind broke off: good for nothing but a copy that replaces it
	endKnown bool // the end of WAL on disk can be told
	pid      int
	wal      wal
	upstream string
	// streamOnly keeps restore_command empty.
	streamOnly bool
	systemID   uint64
	armed      core.Instant // on the host's clock
	// epoch is the one it was promoted under, promoting counts promotions begun by this postmaster.
	epoch     core.Epoch
	promoting *promotion

	// Of quorum worlds only: what the processes have of the configuration, the streams, the commits that wait, up to where they need
	// not, how far a standby has replayed, and how far it must before it accepts connections.
	conf       settings
	rec        recovery
	receiver   *stream
	senders    []*stream
	waiting    []commit
	released   core.LSN
	replayed   core.LSN
	consistent core.LSN
	recovering bool
	target     []branch // the history it was rewound to
}

// startable tells whether there is a data directory that a server could be started on, or a rewind begin with.
func (p *server) startable() bool { return p.exists && !p.torn && !p.running && !p.orphans }

// promotion is one that PostgreSQL was told of and that will take effect, whoever asked lives or not.
type promotion struct{ epoch core.Epoch }

// wal is a history: the branches it went through, and where it ends. Branches are never changed.
type wal struct {
	branches []branch
	end      core.LSN
}

// branch is a timeline that one promotion began.
type branch struct {
	timeline core.Timeline
	serial   int // tells two branches of one number apart
	from     core.LSN
}

func (x wal) timeline() core.Timeline {
	if len(x.branches) == 0 {
		return 0
	}
	return x.branches[len(x.branches)-1].timeline
}

// contains tells whether y is a part of x's past.
func (x wal) contains(y wal) bool {
	n := len(y.branches)
	if n > len(x.branches) || !slices.Equal(x.branches[:n], y.branches) {
		return false
	}
	if n < len(x.branches) {
		return y.end <= x.branches[n].from
	}
	return y.end <= x.end
}

// upTo is the history as it was at a position.
func (x wal) upTo(end core.LSN) wal {
	for n := len(x.branches); n > 1 && x.branches[n-1].from > end; n-- {
		x.branches = x.branches[:n-1]
	}
	x.end = end
	return x
}

// writable tells whether something of it can still acknowledge a commit.
func (s *server) writable() bool { return (s.running || s.orphans) && s.primary }

// kill ends all of it at once.
func (s *server) kill(w *world) {
	w.halt(s)
	s.wasOpen = s.wasOpen || s.primary || s.promoting != nil
	s.running, s.ready, s.primary, s.orphans, s.stopping, s.armed, s.promoting = false, false, false, false, false, 0, nil
	s.endKnown = w.judge.strict || w.chance(0.8)
}

// killPostmaster ends the postmaster; sometimes backends stay until the launcher or a fence ends them.
func (w *world) killPostmaster(h *host, leave bool) {
	if !h.pg.running {
		return
	}
	w.say("%s: the postmaster is killed", h.name)
	if !leave || !h.pg.ready {
		h.pg.kill(w)
		return
	}
	h.pg.running, h.pg.ready, h.pg.orphans, h.pg.promoting = false, false, true, nil
	pid := h.pg.pid
	w.on(h, w.span(50*core.Millisecond, core.Second), func() {
		if h.pg.orphans && h.pg.pid == pid {
			h.pg.kill(w)
		}
	})
}

// source is whom a standby streams from just now; nil when it cannot.
func (w *world) source(h *host) *host {
	p := &h.pg
	if w.quorum {
		if r := p.receiver; r != nil && p.running && !r.senderGone {
			return r.from
		}
		return nil
	}
	if !p.running || !p.ready || p.primary || p.upstream == "" || p.upstream == h.name || p.stopping {
		return nil
	}
	up := w.host(p.upstream)
	if !w.linked(h, up) || !up.pg.running || !up.pg.ready || !up.pg.primary || !up.pg.wal.contains(p.wal) {
		return nil
	}
	return up
}

const flowEvery = 20 * core.Millisecond

// flow lets primaries write, standbys receive, and the plugins notice.
func (w *world) flow() {
	if w.quorum {
		w.flowOfProcesses()
		return
	}
	for _, h := range w.hosts {
		if h.pg.writable() {
			h.pg.wal.end += core.LSN(1 + w.rng.Intn(2000))
		}
	}
	for _, h := range w.hosts {
		if up := w.source(h); up != nil {
			w.receive(h, up)
		}
		w.observe(h)
	}
	w.judge.watch(w)
	w.after(flowEvery, w.flow)
}

// receive moves WAL from a primary to a standby, as fast as the network is.
func (w *world) receive(h, up *host) {
	to := up.pg.wal
	if h.trouble["lag"] > 0 {
		to = to.upTo(min(to.end, h.pg.wal.end+core.LSN(w.rng.Intn(1000))))
	}
	if to.contains(h.pg.wal) {
		h.pg.wal = to
	}
}

// signature is what a report is sent at once for.
type signature struct {
	exists, running, ready, primary, orphans, stopping, streaming bool
	pid                                                           int
	upstream                                                      string
	timeline                                                      core.Timeline
	settled                                                       bool
	senders                                                       int
	life                                                          *life
}

func (w *world) signature(h *host) signature {
	p := &h.pg
	return signature{p.exists, p.running, p.ready, p.primary, p.orphans, p.stopping, w.source(h) != nil, p.pid, p.upstream, p.wal.timeline(), p.conf.settled, len(p.senders), h.life}
}

// observe sends a report when something changed or a second has passed.
func (w *world) observe(h *host) {
	if h.life == nil || h.trouble["plugin"] > 0 || h.paused > 0 {
		return
	}
	if s := w.signature(h); s != h.reported || w.now.Sub(h.reportAt) >= core.Second {
		h.reported = s
		w.report(h)
	}
}

// report samples the server and brings the report to the supervisor, in order and perhaps late, if there is a plugin to do so.
func (w *world) report(h *host) {
	if h.trouble["plugin"] > 0 {
		return
	}
	l := h.life
	pg := w.sample(h)
	late := w.span(200_000, 4*core.Millisecond)
	if h.trouble["slow-reports"] > 0 {
		late = w.span(0, 400*core.Millisecond)
	}
	if w.broken.staleReports {
		w.after(w.span(0, 2*core.Second), func() { w.deliver(h, l, func() { w.reportedTo(h, l, pg) }) })
		return
	}
	h.reportAt = max(h.reportAt, w.now.Add(late))
	w.at(h.reportAt, func() { w.deliver(h, l, func() { w.reportedTo(h, l, pg) }) })
}

func (w *world) reportedTo(h *host, l *life, pg *core.Postgres) {
	if w.broken.staleReports {
		pg.At = w.clock(h)
	}
	old := l.o.Postgres
	if old != nil && pg.At < old.At {
		return
	}
	l.o.Postgres = pg
	if old == nil || old.PostmasterPID != pg.PostmasterPID || old.Launched != pg.Launched {
		l.o.Deadman = core.Deadman{}
		if pg.Launched {
			w.after(w.span(200_000, 3*core.Millisecond), func() {
				w.deliver(h, l, func() { l.o.Deadman = core.Deadman{Present: h.pg.running, ArmedUntil: h.pg.armed} })
			})
		}
	}
}

func (w *world) sample(h *host) *core.Postgres {
	p := &h.pg
	pg := &core.Postgres{
		At: w.clock(h), Empty: !p.running && !p.orphans, SystemID: p.systemID, Timeline: p.wal.timeline(), LSN: p.wal.end, Replayed: p.wal.end,
		Launched: p.running, Upstream: p.upstream, Restores: w.archived && p.upstream != "" && !p.streamOnly, Checkpointed: true, Role: core.RoleStandby,
	}
	if w.broken.anyWAL {
		pg.Timeline = w.store.view.Leader.Value.Timeline
	}
	switch {
	case !p.exists:
		pg.Status, pg.Upstream, pg.Role, pg.LSN, pg.Replayed = core.StatusAbsent, "", core.RoleUnknown, 0, 0
	case p.torn:
		pg.Status, pg.HalfRewound, pg.LSN = core.StatusUnusable, true, 0
	case !p.running:
		pg.Status = core.StatusCrashed
		if p.wasOpen || p.orphans && p.primary {
			pg.Role = core.RolePrimary
		}
		if !p.endKnown || p.orphans && !w.broken.orphansUnseen {
			pg.LSN = 0
		}
		if w.broken.shortEnd && pg.LSN > 0 {
			pg.LSN -= min(pg.LSN-1, 5000)
		}
		pg.Empty = pg.Empty || w.broken.orphansUnseen
	case p.stopping:
		pg.Status, pg.PostmasterPID, pg.Role = core.StatusStopping, p.pid, core.RoleUnknown
	case !p.ready:
		pg.Status, pg.PostmasterPID, pg.Role = core.StatusStarting, p.pid, core.RoleUnknown
	default:
		pg.Status, pg.PostmasterPID = core.StatusRunning, p.pid
		w.sampleRunning(h, pg)
	}
	if w.quorum {
		w.sampleProcesses(h, pg)
	}
	return pg
}

func (w *world) sampleRunning(h *host, pg *core.Postgres) {
	if h.pg.primary {
		pg.Role = core.RolePrimary
		for _, m := range w.hosts {
			if m != h && w.source(m) == h {
				pg.Senders = append(pg.Senders, core.Sender{Member: m.name, State: "streaming", Flush: m.pg.wal.end})
			}
		}
		return
	}
	if w.source(h) != nil {
		pg.Receiver = &core.Receiver{Status: "streaming", Host: h.pg.upstream, End: w.source(h).pg.wal.end}
	}
}

// setDeadman tells the launcher, which confirms.
func (w *world) setDeadman(h *host, a core.Action) {
	l := h.life
	if !l.lane("deadman") {
		return
	}
	w.on(h, w.span(100_000, 2*core.Millisecond), func() {
		if h.frozen == 0 && h.pg.running {
			h.pg.armed = a.Until
			w.armed(h, a.Until)
		}
		confirmed := core.Deadman{Present: h.pg.running, ArmedUntil: h.pg.armed}
		w.deliver(h, l, func() {
			delete(l.lanes, "deadman")
			l.o.Deadman = confirmed
		})
	})
}

// armed is the launcher with the kernel's timer, leftovers of a dead postmaster included: everything is gone 240 ms later at the latest.
func (w *world) armed(h *host, until core.Instant) {
	if until == 0 || w.broken.noDeadman {
		return
	}
	pid := h.pg.pid
	w.at(w.trueTime(h, until).Add(w.span(0, 240*core.Millisecond)), func() {
		w.there(h, func() {
			if (h.pg.running || h.pg.orphans) && h.pg.pid == pid && h.pg.armed == until {
				w.say("%s: the deadman ends PostgreSQL", h.name)
				h.pg.kill(w)
			}
		})
	})
}

// fence ends PostgreSQL without the plugin; it takes its time, and the supervisor must be there to do it.
func (w *world) fence(h *host) {
	l := h.life
	if !l.lane("fence") {
		return
	}
	if l.job != nil {
		l.job.cancel(w)
	}
	w.after(w.span(20*core.Millisecond, 100*core.Millisecond), func() {
		w.deliver(h, l, func() {
			delete(l.lanes, "fence")
			if h.pg.running || h.pg.orphans {
				w.say("%s: PostgreSQL is fenced", h.name)
				h.pg.kill(w)
			}
			pg := core.Postgres{}
			if l.o.Postgres != nil {
				pg = *l.o.Postgres
			}
			pg.At, pg.Status, pg.Empty, pg.LSN, pg.PostmasterPID, pg.Receiver, pg.Senders = w.clock(h), core.StatusCrashed, true, 0, 0, nil, nil
			l.o.Postgres = &pg
			w.report(h) // the loop asks for it
		})
	})
}
