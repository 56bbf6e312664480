// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// ordered judges the order of changes of synchronous_standby_names and of the cohort key: of those who must acknowledge a commit
// in any process of the primary that can let it go, at least as many are members of the cohort as the key promises.
func (j *judge) ordered(w *world) {
	key := w.store.view.Cohort.Value
	if !w.quorum || key.K == 0 || key.Epoch != w.store.view.Epoch.Value.Epoch {
		return
	}
	h := w.host(w.store.view.Leader.Value.Holder)
	if h == nil || !h.pg.writable() || h.pg.epoch != key.Epoch {
		return
	}
	k, outside := h.pg.leastWait(key.Members)
	if k-outside < key.K {
		j.fail(w, "%s may acknowledge with %d standbys, %d of them outside of the cohort %v that promises %d", h.name, k, outside, key.Members, key.K)
	}
}

// leastWait is how many standbys some process waits for at least, and how many that may count are not in the cohort.
func (p *server) leastWait(cohort []string) (k, outside int) {
	if !p.conf.defined {
		return 0, 0
	}
	k = 1 << 20
	may := map[string]bool{}
	for _, name := range p.conf.postmaster.names { // of walsenders to come
		may[name] = true
	}
	if p.conf.postmaster.k > 0 {
		k = p.conf.postmaster.k
	}
	for _, s := range p.senders {
		if s.conf.lists(s.to.name) && !s.cascading {
			may[s.to.name] = true
			k = min(k, s.conf.k)
		}
	}
	for name := range may {
		if !slices.Contains(cohort, name) {
			outside++
		}
	}
	return k, outside
}

// byBallots judges a take-over that did not wait for the old leader's end: it had enough ballots.
func (j *judge) byBallots(w *world, e core.Epoch, was *core.View) {
	old := was.Cohort.Value
	if op := was.Operation.Value; op.Kind == core.Failover && op.Force && op.State == core.Pending {
		w.say("an operator forces epoch %d", e)
		j.ledger.forgiven = e
		return
	}
	if !was.Identity.Exists() {
		return // no PostgreSQL has ever been open: nothing was acknowledged
	}
	var recruits []string
	byHolder := false // its leader has all that was acknowledged in an epoch
	for _, name := range old.Members {
		b := was.Ballot(name).Value
		released := was.Leader.Value.Released && was.Leader.Value.Holder == name
		if b.Epoch == e-1 && b.Name == name && !b.Withdrawn || released {
			recruits = append(recruits, name)
			byHolder = byHolder || name == was.Leader.Value.Holder
		}
	}
	if len(recruits) < len(old.Members)-old.K && !byHolder && !was.Leader.Value.Released {
		j.fail(w, "epoch %d begins with %v, of cohort %v with %d", e, recruits, old.Members, old.K)
	}
}

// received judges WAL that reaches a member: not one whose ballot stands.
func (j *judge) received(w *world, h *host, x wal) {
	b := w.store.view.Ballot(h.name)
	if b.Exists() && !b.Value.Withdrawn && b.Value.Epoch == w.store.view.Epoch.Value.Epoch {
		j.fail(w, "%s receives WAL up to %s while its ballot of epoch %d stands with %s", h.name, x.end, b.Value.Epoch, b.Value.LSN)
	}
}

// promises notes a promise as its leader counts it.
func (j *judge) promises(w *world, p core.Promise) {
	to := w.host(p.To)
	until := w.trueTime(to, p.SentAt.Add(p.For-p.For/1_000_000*core.Span(to.policy.DriftPPM)))
	if old := j.promised[p.From]; old.Epoch < p.Epoch || until > j.promisedUntil[p.From] {
		j.promised[p.From], j.promisedUntil[p.From] = p, until
	}
}

// ballot judges a ballot that is written: nobody may say that it has what it has not.
func (j *judge) ballot(w *world, b core.Ballot) {
	h := w.host(b.Name)
	if b.Withdrawn {
		w.say("%s: withdraws its ballot of epoch %d", b.Name, b.Epoch)
	}
	if h == nil || b.Withdrawn || b.Epoch != w.store.view.Epoch.Value.Epoch {
		return
	}
	if p := j.promised[b.Name]; p.Epoch == b.Epoch && w.now < j.promisedUntil[b.Name] {
		j.fail(w, "%s votes in epoch %d although %s counts on its promise", b.Name, b.Epoch, p.To)
	}
	w.say("%s: votes in epoch %d with %s on timeline %d", b.Name, b.Epoch, b.LSN, b.Timeline)
	if !w.rolledBack && h.pg.wal.end < b.LSN && h.pg.wal.timeline() <= b.Timeline {
		j.fail(w, "%s votes with %s and has %s", b.Name, b.LSN, h.pg.wal.end)
	}
}
