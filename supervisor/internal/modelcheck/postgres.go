// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const systemID = 7001

// nobody is no node.
const nobody = -1

// postgres is a PostgreSQL with its data directory. All of its WAL is flushed.
type postgres struct {
	running, primary bool
	// wasOpen: the data directory is that of a primary.
	wasOpen bool
	pid     int
	wal     wal
	// upstream is whom primary_conninfo names; fed says that the walreceiver really streams from it.
	upstream int
	fed      bool
	// told is where its upstream's WAL ended when it was last connected to.
	told core.LSN
	// names is synchronous_standby_names as new sessions see it, older are values that some process still has.
	names   string
	older   []string
	settled bool
	barrier core.LSN
	// acks is how far each standby said that it has flushed, to a walsender of this process.
	acks [maxNodes]core.LSN
	// openedIn is the epoch it was promoted in, while it is open.
	openedIn core.Epoch
	// late is a promotion that was asked for, was given up and may still take effect.
	late job
}

// kill ends every process. The WAL stays.
func (p *postgres) kill() {
	p.wasOpen = p.primary || p.wasOpen
	p.running, p.primary, p.fed, p.openedIn, p.late = false, false, false, 0, job{}
	p.older, p.settled, p.barrier, p.acks, p.told = nil, false, 0, [maxNodes]core.LSN{}, 0
}

// start begins a new life as a standby; a primary's data recovers its own WAL first.
func (p *postgres) start(upstream int) {
	p.kill()
	p.running, p.wasOpen, p.upstream = true, false, upstream
	p.pid++
}

// name sets synchronous_standby_names for new sessions.
func (p *postgres) name(text string) {
	if p.names == text {
		return
	}
	if p.primary && !slices.Contains(p.older, p.names) {
		p.older = append(slices.Clone(p.older), p.names)
		slices.Sort(p.older)
	}
	p.older = slices.DeleteFunc(slices.Clone(p.older), func(s string) bool { return s == text })
	p.names, p.settled = text, false
}

// settle ends every process that releases by an older value.
func (p *postgres) settle() {
	if p.settled {
		return
	}
	p.older, p.settled, p.barrier = nil, true, p.wal.end()
}

// promote opens a standby.
func (p *postgres) promote(self int, j job) {
	p.name(j.names)
	p.older = nil
	p.settle()
	p.primary, p.upstream, p.fed, p.late = true, nobody, false, job{}
	p.wal += opening(max(p.wal.timeline(), j.timeline)+1, self)
	p.openedIn = j.epoch
}

// releaser is what a waiting commit may be released by: while processes have different values, one that has the smallest k
// counts the standbys that the others list.
func (p *postgres) releaser() syncSet {
	s := parseSync(p.names)
	for _, text := range p.older {
		t := parseSync(text)
		s.k, s.nodes = min(s.k, t.k), s.nodes|t.nodes
	}
	return s
}

// report is what the plugin says.
func (p *postgres) report(quiet bool) *core.Postgres {
	r := &core.Postgres{
		At: now, Empty: !p.running, SystemID: systemID, Timeline: p.wal.timeline(), LSN: p.wal.end(), Received: p.wal.end(),
		Replayed: p.wal.end(), Checkpointed: true, Status: core.StatusStopped, Role: core.RoleStandby,
	}
	if p.upstream != nobody {
		r.Upstream = names[p.upstream]
	}
	if p.primary || p.wasOpen {
		r.Role = core.RolePrimary
	}
	if !p.running {
		return r
	}
	r.Status, r.PostmasterPID = core.StatusRunning, p.pid
	r.SyncNames, r.SyncSettled, r.SyncBarrier = p.names, p.settled, p.barrier
	if p.fed {
		r.Receiver = &core.Receiver{Status: "streaming", Host: r.Upstream, End: p.told}
		if quiet {
			r.Receiver.Silence = core.Span(now)
		}
	}
	for i, at := range p.acks {
		if p.primary && at != 0 {
			r.Senders = append(r.Senders, core.Sender{Member: names[i], State: "streaming", Flush: at})
		}
	}
	return r
}
