// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// judge knows the truth and says what must never be:
//
//   - two PostgreSQLs that can acknowledge a commit, or a new epoch while one of the old epoch can;
//   - an epoch that does not follow the last one, two promotions in one epoch, a timeline number used twice;
//   - a promotion, or another write of the record, after a leadership was released;
//   - a member that took over as having all the WAL of a released leader and has not;
//   - a data directory replaced while the leader was not open;
//   - with kind faults only (strict): an acknowledged write that the next primary lacks.
//
// The one exception: an operator forced a failover over a silent leader of a paused cluster, and vouched for it.
type judge struct {
	wrong    []string
	promise  string // the first that was broken, whoever and whenever
	strict   bool
	serial   int
	targets  map[core.Epoch]string
	opens    map[core.Epoch]string
	numbers  map[core.Timeline]core.Epoch
	released map[core.Epoch]wal // WAL of holders that released, by epoch
	instead  map[core.Epoch]core.Epoch
	forced   map[string]bool
	lastOpen map[string]core.Instant
	acked    wal
	ackedBy  string
	ledger   ledger
	// promised is the promise of each member that counts longest, promisedUntil until when by true time.
	promised      map[string]core.Promise
	promisedUntil map[string]core.Instant
}

func (j *judge) begin() {
	j.targets, j.opens, j.numbers = map[core.Epoch]string{}, map[core.Epoch]string{}, map[core.Timeline]core.Epoch{}
	j.released, j.instead, j.forced, j.lastOpen = map[core.Epoch]wal{}, map[core.Epoch]core.Epoch{}, map[string]bool{}, map[string]core.Instant{}
	j.promised, j.promisedUntil = map[string]core.Promise{}, map[string]core.Instant{}
	j.ledger.acked, j.ledger.by = map[core.Epoch]wal{}, map[core.Epoch]string{}
}

func (j *judge) newSerial() int {
	j.serial++
	return j.serial
}

func (j *judge) fail(w *world, format string, args ...any) {
	if j.promise == "" {
		j.promise = format
	}
	text := fmt.Sprintf(format, args...)
	w.say("WRONG: %s", text)
	j.wrong = append(j.wrong, fmt.Sprintf("%s %s", w.now.Sub(0), text))
}

// wrote judges a transaction.
func (j *judge) wrote(w *world, by string, was, is *core.View) {
	if is.Epoch.Rev != was.Epoch.Rev {
		j.newEpoch(w, by, was, is)
	}
	if is.Leader.Rev == was.Leader.Rev {
		return
	}
	l := is.Leader.Value
	if was.Leader.Value.Released && was.Leader.Value.Epoch == l.Epoch {
		j.fail(w, "%s wrote the leader record of epoch %d after it was released", by, l.Epoch)
	}
	if l.Released {
		w.say("%s: has released epoch %d", by, l.Epoch)
		h := w.host(l.Holder)
		if h.pg.writable() {
			j.fail(w, "%s released epoch %d while its PostgreSQL is writable", by, l.Epoch)
		}
		j.released[l.Epoch] = h.pg.wal
	}
	if l.Paused != was.Leader.Value.Paused {
		w.say("%s: leader record says paused %t", by, l.Paused)
	}
}

func (j *judge) newEpoch(w *world, by string, was, is *core.View) {
	e := is.Epoch.Value.Epoch
	w.say("%s: has taken epoch %d", by, e)
	if e != was.Epoch.Value.Epoch+1 {
		j.fail(w, "epoch %d follows %d", e, was.Epoch.Value.Epoch)
	}
	old := was.Leader.Value
	if old.Released && old.FinalLSN {
		j.instead[e] = old.Epoch
	}
	if old.Paused && !old.Released && was.Operation.Value.Kind == core.Failover && was.Operation.Value.State == core.Pending {
		w.say("an operator overrules %s", old.Holder)
		j.forced[old.Holder] = true
	}
	if w.quorum && len(was.Cohort.Value.Members) > 0 {
		j.byBallots(w, e, was)
		return
	}
	for _, h := range w.hosts {
		if h.pg.writable() && !j.forced[h.name] {
			j.fail(w, "epoch %d begins while PostgreSQL of %s is writable under epoch %d", e, h.name, h.pg.epoch)
		}
	}
}

// asked judges a call of the plugin.
func (j *judge) asked(w *world, h *host, a core.Action) {
	switch {
	case a.Kind == core.ActPromote:
		if who := j.targets[a.Epoch]; who != "" && who != h.name {
			j.fail(w, "epoch %d promotes %s and %s", a.Epoch, who, h.name)
		}
		j.targets[a.Epoch] = h.name
	case a.Kind == core.ActClone && a.Replace:
		at, ok := j.lastOpen[a.Peer.Name]
		if slack := h.policy.MemberTTL() + 3*core.Second; !ok || w.now.Sub(at) > slack {
			j.fail(w, "%s replaces its data from %s, which is not open", h.name, a.Peer.Name)
		}
	}
}

// opened judges a PostgreSQL that has just become writable.
func (j *judge) opened(w *world, h *host) {
	e, v := h.pg.epoch, w.store.view
	j.lastOpen[h.name] = w.now
	if who, ok := j.opens[e]; ok {
		j.fail(w, "epoch %d opens a second time, on %s after %s", e, h.name, who)
	}
	j.opens[e] = h.name
	if v.Epoch.Value.Epoch != e && !w.quorum && !j.forced[h.name] {
		j.fail(w, "%s opens under epoch %d, which is over: %d is in force", h.name, e, v.Epoch.Value.Epoch)
	}
	if v.Epoch.Value.Epoch == e && v.Leader.Value.Released {
		j.fail(w, "%s opens under epoch %d, which it has released", h.name, e)
	}
	tl := h.pg.wal.timeline()
	if other, ok := j.numbers[tl]; ok {
		j.fail(w, "timeline %d is used by epochs %d and %d", tl, other, e)
	}
	j.numbers[tl] = e
	if l := h.life; l != nil && l.state.TakenBy == "V-190" && l.state.Hold.Epoch == e {
		if old, ok := j.released[j.instead[e]]; ok && !h.pg.wal.contains(old) {
			j.fail(w, "%s took over as having all the WAL of epoch %d, and has not", h.name, j.instead[e])
		}
	}
	if !w.quorum && j.ackedBy != "" && !h.pg.wal.contains(j.acked) {
		if j.strict {
			j.fail(w, "%s opens without writes that %s has acknowledged", h.name, j.ackedBy)
		}
		w.say("writes that %s acknowledged are lost", j.ackedBy)
	}
}

// watch judges the moment.
func (j *judge) watch(w *world) {
	open := ""
	for _, h := range w.hosts {
		if !h.pg.writable() {
			if h.pg.promoting == nil {
				delete(j.forced, h.name)
			}
			continue
		}
		j.lastOpen[h.name] = w.now
		if j.forced[h.name] {
			continue
		}
		if open != "" && !w.quorum {
			j.fail(w, "two writable primaries: %s and %s", open, h.name)
		}
		open = h.name
		j.acked, j.ackedBy = h.pg.wal, h.name
	}
}

// primary is the host that is writable and leads; nil when none is.
func (w *world) primary() *host {
	h := w.host(w.store.view.Leader.Value.Holder)
	if h == nil || !h.pg.writable() || h.pg.epoch != w.store.view.Epoch.Value.Epoch || w.store.view.Leader.Value.Released {
		return nil
	}
	return h
}

// settled: healthy, and nothing asked for is pending.
func (w *world) settled() bool {
	return w.store.view.Operation.Value.State != core.Pending && w.healthy() && w.whole()
}

// healthy: one primary, everybody else streams from it.
func (w *world) healthy() bool {
	p := w.primary()
	for _, h := range w.hosts {
		if p == nil || h != p && w.source(h) != p {
			return false
		}
	}
	return true
}
