// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"reflect"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// input is what happens to a node and makes it tick.
type input struct {
	kind inputKind
	arg  int
	view id
}

type inputKind uint8

const (
	inNothing inputKind = iota
	inView
	// inDone, inConflict and inUnknown end the commit in the lane arg.
	inDone
	inConflict
	inUnknown
	// inJobDone, inJobRefused and inJobUnknown end the job.
	inJobDone
	inJobRefused
	inJobUnknown
	inQuiet
	inHears
	// inMisses: the leader loses sight of the standby arg. inMeets: of none any more.
	inMisses
	inMeets
	inRenewalDue
	inDeadline
)

// outcomes are those of jobs.
var outcomes = map[inputKind]core.Outcome{
	inJobDone: core.OutcomeDone, inJobRefused: core.OutcomeRefused, inJobUnknown: core.OutcomeUnknown,
}

// stepKey is all that a tick depends on.
type stepKey struct {
	node      id
	in        input
	published [maxNodes]id
	history   id
}

// stepResult is what a tick brings about: the node as it is then, what it writes beside its lanes, and the rules by which.
type stepResult struct {
	node    id
	records []core.Commit
	rules   []string
}

// step gives a node its input and lets it tick until it rests.
func (m *model) step(w *world, i int, in input) []string {
	key := stepKey{node: w.nodes[i], in: in, history: w.history}
	for j := range m.bounds.Nodes {
		key.published[j] = m.nodes.at(w.nodes[j]).published
	}
	r, ok := m.steps[key]
	if !ok {
		r = m.think(key)
		m.steps[key] = r
	}
	w.nodes[i] = r.node
	rules := r.rules
	for _, c := range r.records {
		if m.record(w, c) {
			rules = append(slices.Clone(rules), m.step(w, i, input{})...)
		}
	}
	return rules
}

// record writes history; false when the epoch is over.
func (m *model) record(w *world, c core.Commit) bool {
	s := m.stores.at(w.store)
	if c.Compares[0] != (core.Compare{Key: core.KeyEpoch, Rev: s.epoch.Rev}) {
		return false
	}
	h := c.Writes[0].Record.(core.History)
	have := *m.history.at(w.history)
	if slices.ContainsFunc(have, func(x core.History) bool { return x.Epoch == h.Epoch }) {
		return false
	}
	h.Lineage, h.Rule, h.Reason, h.At = "", "", "", 0
	w.history = m.history.of(append(slices.Clone(have), h))
	return true
}

// restless bounds how often a node ticks before it rests.
const restless = 12

// think ticks until nothing changes.
func (m *model) think(key stepKey) stepResult {
	n := *m.nodes.at(key.node)
	key.published[n.self] = 0
	t := &thinking{model: m, key: key, node: &n}
	t.take(key.in)
	for range restless {
		before := n
		t.tick()
		if len(t.o.Finished) == 0 && len(t.o.Committed) == 0 && reflect.DeepEqual(before, n) {
			return stepResult{m.nodes.of(n), t.records, t.rules}
		}
	}
	panic("node does not come to rest: " + t.rules[len(t.rules)-1])
}

// thinking is a node on its way through ticks.
type thinking struct {
	*model
	key     stepKey
	node    *node
	o       core.Observation
	records []core.Commit
	rules   []string
}

// take brings an input into the observation.
func (t *thinking) take(in input) {
	n := t.node
	switch in.kind {
	case inView:
		t.see(in.view)
	case inDone, inConflict, inUnknown:
		t.answer(in)
	case inJobDone, inJobRefused, inJobUnknown:
		t.o.Finished = append(t.o.Finished, core.Finished{Kind: n.job.kind, Epoch: n.job.epoch, At: now, Outcome: outcomes[in.kind]})
		n.job = job{}
	case inQuiet:
		n.quiet, n.state = true, aged(n.state)
	case inHears:
		n.quiet = false
		n.meet()
		n.state.LeaderSeen.At = fresh
	case inMisses:
		n.miss(names[in.arg])
	case inMeets:
		n.meet()
	case inRenewalDue:
		n.state.Hold.RenewedAt = due
	case inDeadline:
		n.state.Hold.RenewedAt, n.state.Hold.Deadline = past, past
	}
}

// see shows the node the store.
func (t *thinking) see(view id) {
	n := t.node
	if n.seen && t.stores.at(n.view).epoch.Rev != t.stores.at(view).epoch.Rev {
		n.quiet = false
	}
	n.seen, n.view = true, view
}

// answer ends the commit of a lane. Of a leader record that stands the node may act before it sees the store; after all else
// it waits for that, and here sees it at once.
func (t *thinking) answer(in input) {
	l := &t.node.lanes[in.arg]
	c := t.commits.at(l.commit)
	a := core.Committed{Purpose: c.Purpose, Leader: c.Leader(), Cohort: c.Cohort(), Outcome: core.OutcomeUnknown}
	switch in.kind {
	case inDone:
		a.Outcome, a.Revision = core.OutcomeDone, l.rev
		if c.Purpose != core.CommitLeader {
			t.see(in.view)
		}
	case inConflict:
		a.Outcome, a.Conflict = core.OutcomeRefused, true
	}
	*l = lane{}
	t.o.Committed = append(t.o.Committed, a)
}

// miss makes a standby one that was not there for long.
func (n *node) miss(name string) {
	n.state.Members, n.state.Synced = slices.Clone(n.state.Members), slices.Clone(n.state.Synced)
	for i, x := range n.state.Members {
		if x.Name == name {
			n.state.Members[i].At = past
		}
	}
	for i, x := range n.state.Synced {
		if x.Name == name {
			n.state.Synced[i].At = past
		}
	}
}

// meet makes every supervisor one that is there.
func (n *node) meet() {
	n.state.Members = slices.Clone(n.state.Members)
	for i := range n.state.Members {
		n.state.Members[i].At = fresh
	}
}

// tick is one call of Decide, and what comes of it at once.
func (t *thinking) tick() {
	n, o := t.node, &t.o
	p := t.policy(n)
	t.observe(p)
	before := n.state
	if t.mutant.Observe != nil {
		t.mutant.Observe(n, o)
	}
	s, plan, reason := core.Decide(before, *o, p)
	if t.mutant.Decided != nil {
		plan = t.mutant.Decided(before, *o, &s, plan)
	}
	o.Finished, o.Committed = nil, nil
	n.state = canonical(s)
	if n.seen && o.View.Revision >= n.state.LastCommit {
		n.state.LastCommit = 0 // no later picture is older
	}
	t.note(reason, plan)
	for _, a := range plan {
		t.execute(a)
	}
	n.pg.fewPIDs(&n.state)
}

// fewPIDs renames postmasters so that there are few.
func (p *postgres) fewPIDs(s *core.State) {
	same := p.pid == s.PromotedPID
	p.pid = 1
	if s.PromotedPID != 0 {
		s.PromotedPID = 1
		if !same {
			p.pid = 2
		}
	}
}

// observe is what the node sees.
func (t *thinking) observe(p core.Policy) {
	n, o := t.node, &t.o
	o.Now, o.Wall, o.WatchdogReady = now, 0, true
	o.Postgres = n.pg.report(n.quiet)
	o.Job, o.View, o.Heard, o.Probe = nil, nil, nil, core.Probe{}
	if n.job.kind != "" {
		o.Job = &core.Job{Kind: n.job.kind, Epoch: n.job.epoch}
	}
	if !n.seen {
		return
	}
	o.View = t.stores.at(n.view).view(t.memberRecords(), *t.history.at(t.key.history))
	leader := o.View.Leader.Value.Holder
	if leader == "" || leader == p.Self.Name {
		return
	}
	o.Probe = core.Probe{Name: leader, Since: past}
	if !n.quiet {
		o.Probe.AnsweredAt = now
		o.Heard = []core.Heard{{Name: leader, At: now, Beat: core.Beat{Name: leader, Epoch: o.View.Epoch.Value.Epoch, Open: true}}}
	}
}

func (t *thinking) memberRecords() []core.Versioned[core.Member] {
	var out []core.Versioned[core.Member]
	for j := range t.bounds.Nodes {
		of := t.key.published[j]
		if j == t.node.self {
			of = t.node.published
		}
		r := *t.members.at(of)
		if j == t.node.self {
			r.LSN, r.Replayed = t.node.said, t.node.said
		}
		if r.Name != "" {
			out = append(out, core.Versioned[core.Member]{Value: r, Rev: 1})
		}
	}
	return out
}

// note keeps the rule for the story, once if it comes again.
func (t *thinking) note(r core.Reason, plan core.Plan) {
	line := string(r.Rule)
	for _, a := range plan {
		switch {
		case a.Kind == core.ActCommit && a.Commit.Purpose == core.CommitMember:
		case a.Kind == core.ActCommit:
			line += " " + told(*a.Commit)
		default:
			line += " " + string(a.Kind)
			if a.Kind == core.ActApply || a.Kind == core.ActPromote {
				line += "(" + a.Sync.String() + ")"
			}
		}
	}
	if len(t.rules) == 0 || t.rules[len(t.rules)-1] != line {
		t.rules = append(t.rules, line)
	}
}
