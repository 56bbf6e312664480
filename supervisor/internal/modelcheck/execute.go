// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// execute begins an action of a plan, or does it if it takes no time here.
func (t *thinking) execute(a core.Action) {
	n := t.node
	switch a.Kind {
	case core.ActCommit:
		t.send(*a.Commit)
	case core.ActFence:
		n.job = job{}
		n.pg.kill()
	case core.ActArm, core.ActDisarm, core.ActPromise, core.ActRoute, core.ActExit, core.ActRefuse:
	default:
		if n.job.kind == "" {
			t.begin(jobOf(a))
		}
	}
}

// begin starts a job. Those that touch nothing but this node's own standby are done at once.
func (t *thinking) begin(j job) {
	n := t.node
	switch {
	case j.kind == core.ActStart:
		n.pg.start(j.peer)
	case j.kind == core.ActFollow:
		n.pg.upstream, n.pg.fed = j.peer, false
	case j.kind == core.ActStop:
		n.pg.kill()
	case j.kind == core.ActCheckpoint:
	case j.kind == core.ActApply && !n.pg.primary:
		n.pg.name(j.names)
		if j.settles {
			n.pg.settle()
		}
	default:
		n.job = j
		return
	}
	t.o.Finished = append(t.o.Finished, core.Finished{Kind: j.kind, Epoch: j.epoch, At: now, Outcome: core.OutcomeDone})
}

// send puts a commit on its way: the member record arrives at once, history is left to the world, all else travels.
func (t *thinking) send(c core.Commit) {
	switch c.Purpose {
	case core.CommitMember:
		t.publish(c.Writes[0].Record.(core.Member))
		return
	case core.CommitRecord:
		t.records = []core.Commit{c}
		return
	}
	l := &t.node.lanes[slices.Index(purposes[:], c.Purpose)]
	if !l.busy {
		*l = lane{busy: true, commit: t.commits.of(plain(c))}
	}
}

// plain is a commit without what only counts.
func plain(c core.Commit) core.Commit {
	c.Writes = slices.Clone(c.Writes)
	for i, w := range c.Writes {
		if l, ok := w.Record.(core.Leader); ok {
			l.Renewal = min(l.Renewal, 2)
			c.Writes[i].Record = l
		}
	}
	return c
}

// publish writes the member record, where something changed that others look at, or as a sign of life.
func (t *thinking) publish(r core.Member) {
	n := t.node
	at := r.LSN
	r.Beat, r.Message, r.Job, r.Race, r.Streaming, r.LSN, r.Replayed = 0, "", "", 0, false, 0, 0
	i := slices.IndexFunc(n.state.Members, func(m core.MemberSeen) bool { return m.Name == r.Name })
	silent := i >= 0 && n.state.Members[i].At == past
	to := t.members.of(r)
	if to == n.published && !silent {
		return
	}
	n.published, n.said = to, at*core.LSN(t.bounds.Disks)
	if silent {
		n.state.Members = slices.Clone(n.state.Members)
		n.state.Members[i].At = fresh
	}
}
