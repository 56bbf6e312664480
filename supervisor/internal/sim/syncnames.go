// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// syncNames is a value of synchronous_standby_names: ANY k of some names; the zero one waits for nobody.
type syncNames struct {
	k     int
	names []string
}

// parseSyncNames reads 'ANY k (a, b)', names quoted or not; what it cannot read waits for a standby that does not exist.
func parseSyncNames(s string) syncNames {
	if s == "" {
		return syncNames{}
	}
	head, list, found := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	k, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "ANY ")))
	if !found || err != nil || k < 1 {
		return syncNames{k: 1}
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		names = append(names, strings.Trim(name, ` "`))
	}
	return syncNames{k, names}
}

func (s syncNames) lists(name string) bool { return slices.Contains(s.names, name) }

// settings are the copies of the configuration that the processes of one PostgreSQL have. A reload reaches each in its own
// time; a walsender keeps its own copy (stream.conf).
type settings struct {
	// file is synchronous_standby_names as the configuration file has it.
	file string
	// postmaster is what processes are forked with, defined what the checkpointer has told the backends: whether they wait at all.
	postmaster syncNames
	defined    bool
	// fresh counts changes of the file, applied which of them postmaster and checkpointer have.
	fresh, forked, flagged int
	// settled is the plugin's proof that all have the file's value, barrier a WAL position read after that.
	settled bool
	barrier core.LSN
}

// readAnew is how long a process may take to read its configuration after a reload.
func (w *world) readAnew(h *host) core.Span {
	if h.trouble["slow-reread"] > 0 {
		return w.span(0, 3*core.Second)
	}
	return w.span(core.Millisecond, 30*core.Millisecond)
}

// configure writes synchronous_standby_names and reloads. The processes follow one by one.
func (w *world) configure(h *host, names string) {
	p := &h.pg
	if p.conf.file != names {
		p.conf.file, p.conf.settled = names, false
		p.conf.fresh++
	}
	if !p.running {
		return
	}
	n, pid, value := p.conf.fresh, p.pid, parseSyncNames(names)
	w.on(h, w.span(0, 3*core.Millisecond), func() {
		if !p.running || p.pid != pid || p.conf.forked >= n {
			return
		}
		p.conf.postmaster, p.conf.forked = value, n
		w.on(h, w.readAnew(h), func() { w.flag(h, pid, n, value) })
		for _, s := range p.senders {
			w.on(h, w.readAnew(h), func() { w.resend(s, n, value) })
		}
	})
}

// flag is the checkpointer that tells the backends whether to wait; those that waited in vain are let go.
func (w *world) flag(h *host, pid, n int, value syncNames) {
	p := &h.pg
	if !p.running || p.pid != pid || p.conf.flagged >= n {
		return
	}
	p.conf.flagged, p.conf.defined = n, value.k > 0
	if !p.conf.defined && p.primary {
		w.release(h, p.wal.end)
	}
	w.judge.ordered(w)
}

// resend is a walsender that reads its configuration again, and may find that enough have acknowledged.
func (w *world) resend(s *stream, n int, value syncNames) {
	if s.senderGone || s.confAt >= n {
		return
	}
	s.conf, s.confAt = value, n
	w.count(s)
	w.judge.ordered(w)
}

// inForce tells whether every process has the file's value.
func (p *server) inForce() bool {
	c := &p.conf
	for _, s := range p.senders {
		if s.confAt < c.fresh {
			return false
		}
	}
	return p.running && c.forked >= c.fresh && c.flagged >= c.fresh
}

// settle waits for the proof that every process has the value, and tells whether it came in time.
func (w *world) settle(j *job, patience core.Span, then func(proven bool)) {
	p, pid := &j.h.pg, j.h.pg.pid
	switch {
	case j.gone || !p.running || p.pid != pid:
		then(false)
	case p.inForce() || w.broken.settlesBlindly:
		p.conf.settled, p.conf.barrier = true, 0
		if p.primary && !w.broken.noBarrier {
			p.conf.barrier = p.wal.end
		}
		then(true)
	case patience <= 0:
		then(false)
	default:
		step := w.span(2*core.Millisecond, 10*core.Millisecond)
		w.on(j.h, step, func() { w.settle(j, patience-step, then) })
	}
}
