// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// world is a small cluster under a virtual clock: the real core on every node, over plain models of the DCS and
// PostgreSQL. One step is ten milliseconds; all is deterministic.
type world struct {
	now   Instant
	dcs   register
	nodes []*node
	out   strings.Builder
	// writable is the node last seen writable, to tell two at a time.
	violations []string
	// cutPlan is what of a plan is carried out; nil for all.
	cutPlan func(Plan) Plan
	// acked is the primary whose commits were last acknowledged, as it was then; in a world with quorum durability.
	acked instance
}

const step = 10 * Millisecond

// register is the DCS.
type register struct {
	down bool
	rev  Revision
	keys map[string]entry
}

type entry struct {
	record Record
	rev    Revision
}

// node is one member.
type node struct {
	name   string
	policy Policy
	state  State
	o      Observation
	wake   Instant
	rule   RuleID
	pg     instance
	job    *running
	// up: the host lives. frozen: the supervisor does not run. cut: it reaches nobody. loseAnswers: the DCS applies
	// its commits, the answers are lost.
	up, frozen, cut, loseAnswers bool
	// dcsless: it reaches all but the DCS. apart: it does not reach that other node.
	dcsless bool
	apart   string
	ears    arrived
	boots   int
	// pools: there is a pooler. stuck is why it cannot hold clients back, answered that it has answered.
	pools, answered bool
	stuck           string
}

// instance is a PostgreSQL.
type instance struct {
	exists   bool
	running  bool
	primary  bool
	wasOpen  bool // control data say it was a primary
	pid      int
	timeline Timeline
	lsn      LSN
	line     string // lineage: the names of the primaries that wrote it
	upstream string
	armed    Instant
	systemID uint64
	sync     string // synchronous_standby_names
}

type running struct {
	action Action
	ends   Instant
}

func newWorld(names ...string) *world {
	w := &world{dcs: register{keys: map[string]entry{}}, now: Instant(Second)}
	for i, name := range names {
		n := &node{name: name, up: true, policy: Policy{
			Self: Self{Name: name, Instance: "i-" + name, Token: "t-" + name + "-0", API: name + ":8008", Host: name, Port: 5432, Priority: 1},
			TTL:  3 * Second, DriftPPM: 10_000, MaximumLag: 1 << 20, StopPatience: 2 * Second, StartTimeout: 60 * Second,
			Rewind: true, Reclone: true,
		}}
		n.pg.systemID = 0
		n.pg.pid = 100 * (i + 1)
		w.nodes = append(w.nodes, n)
	}
	return w
}

func (w *world) node(name string) *node {
	i := slices.IndexFunc(w.nodes, func(n *node) bool { return n.name == name })
	return w.nodes[i]
}

// run lets the world go on for a while, or until a condition holds.
func (w *world) run(d Span, until func() bool) {
	for end := w.now.Add(d); w.now < end; {
		w.now = w.now.Add(step)
		for _, n := range w.nodes {
			w.live(n)
		}
		w.stream()
		w.speak()
		for _, n := range w.nodes {
			if n.up && !n.frozen && (w.now >= n.wake || w.changed(n)) {
				w.turn(n)
			}
		}
		w.check()
		if until != nil && until() {
			return
		}
	}
}

// live lets a host's own clockwork act: the deadman, and the end of a job.
func (w *world) live(n *node) {
	if n.pg.running && n.pg.armed != 0 && w.now >= n.pg.armed {
		w.say("%s: the deadman kills PostgreSQL", n.name)
		n.pg.kill()
	}
	if n.job != nil && w.now >= n.job.ends {
		w.finish(n)
	}
}

func (i *instance) kill() {
	i.running, i.armed, i.wasOpen = false, 0, i.primary || i.wasOpen
	i.primary = false
}

// changed tells whether the node has something to look at before its timer.
func (w *world) changed(n *node) bool {
	return len(n.o.Finished) > 0 || len(n.o.Committed) > 0 || w.reaches(n) && (n.o.View == nil || n.o.View.Revision != w.dcs.rev)
}

func (w *world) reaches(n *node) bool { return !w.dcs.down && !n.cut && !n.dcsless }

// turn is one tick of a supervisor.
func (w *world) turn(n *node) {
	if w.reaches(n) {
		n.o.View = w.view()
	}
	n.o.Now, n.o.Wall, n.o.WatchdogReady = w.now, int64(w.now), true
	n.o.Postgres = n.pg.report(w, n)
	n.o.Deadman = Deadman{Present: n.pg.running, ArmedUntil: n.pg.armed}
	n.o.Heard, n.o.Probe = n.ears.all(), n.ears.probe
	n.o.Poolers.Any = n.pools
	n.o.Job = nil
	if n.job != nil {
		n.o.Job = &Job{Kind: n.job.action.Kind, Epoch: n.job.action.Epoch}
	}
	s, plan, reason := Decide(n.state, n.o, n.policy)
	n.o.Finished, n.o.Committed = nil, nil
	n.state = s
	if reason.Rule != n.rule {
		n.rule = reason.Rule
		w.say("%s %s: %s", n.name, reason.Rule, reason.Sentence)
	}
	if w.cutPlan != nil {
		plan = w.cutPlan(plan)
	}
	for _, a := range plan {
		w.execute(n, a)
	}
	n.wake = Wake(s, n.o, n.policy)
	if n.answered {
		n.wake, n.answered = w.now, false
	}
}

func (w *world) execute(n *node, a Action) {
	switch a.Kind {
	case ActCommit:
		w.commit(n, a.Commit)
	case ActFence:
		n.job = nil
		n.pg.kill()
	case ActArm:
		if n.pg.running {
			n.pg.armed = a.Until
		}
	case ActDisarm:
		n.pg.armed = 0
	case ActPromise:
		w.promise(n, a.Promise)
	case ActHoldBack:
		n.o.Poolers.Held, n.o.Poolers.Stuck, n.answered = a.Operation, n.stuck, true
		w.say("%s: clients wait", n.name)
	case ActLetGo:
		n.o.Poolers = Poolers{}
		w.say("%s: clients go on, to %s", n.name, a.Routes.Primary.Name)
	case ActRoute, ActExit:
	case ActRefuse:
		w.say("%s refuses: %s", n.name, a.Message)
		n.frozen = true
	default:
		if n.job == nil {
			n.job = &running{action: a, ends: w.now.Add(duration(a.Kind))}
		}
	}
}

func duration(k ActionKind) Span {
	switch k {
	case ActPromote:
		return 50 * Millisecond
	case ActStart:
		return 200 * Millisecond
	case ActBootstrap, ActClone, ActRewind:
		return Second
	}
	return 100 * Millisecond
}

// commit applies a transaction at once; the answer comes with the next turn, or not.
func (w *world) commit(n *node, c *Commit) {
	done := Committed{Purpose: c.Purpose, Leader: c.Leader(), Cohort: c.Cohort(), Outcome: OutcomeRefused}
	switch {
	case !w.reaches(n):
	case !w.dcs.holds(c.Compares):
		done.Conflict = true
	default:
		done.Outcome, done.Revision = OutcomeDone, w.dcs.apply(c.Writes)
		if n.loseAnswers {
			done.Outcome, done.Revision = OutcomeUnknown, 0
		}
	}
	n.o.Committed = append(n.o.Committed, done)
}

func (r *register) holds(cs []Compare) bool {
	return !slices.ContainsFunc(cs, func(c Compare) bool { return r.keys[c.Key].rev != c.Rev })
}

func (r *register) apply(ws []Write) Revision {
	r.rev++
	for _, x := range ws {
		r.keys[x.Key] = entry{x.Record, r.rev}
	}
	return r.rev
}

func fetch[T any](r register, key string) Versioned[T] {
	e := r.keys[key]
	v, _ := e.record.(T)
	return Versioned[T]{v, e.rev}
}

func (w *world) view() *View {
	r := w.dcs
	v := &View{
		Revision: r.rev, AskedAt: w.now, SeenAt: w.now,
		Identity: fetch[Identity](r, KeyIdentity), Config: fetch[Config](r, KeyConfig), Epoch: fetch[EpochRecord](r, KeyEpoch),
		Leader: fetch[Leader](r, KeyLeader), Cohort: fetch[Cohort](r, KeyCohort), Operation: fetch[Operation](r, KeyOperation),
	}
	for _, k := range slices.Sorted(maps.Keys(r.keys)) {
		switch {
		case strings.HasPrefix(k, KeyMembers):
			v.Members = append(v.Members, fetch[Member](r, k))
		case strings.HasPrefix(k, KeyBallots):
			v.Ballots = append(v.Ballots, fetch[Ballot](r, k))
		case strings.HasPrefix(k, KeyHistory):
			v.History = append(v.History, fetch[History](r, k))
		}
	}
	return v
}

// report is what the plugin would say.
func (i *instance) report(w *world, n *node) *Postgres {
	pg := &Postgres{
		At: w.now, Empty: !i.running, SystemID: i.systemID, Timeline: i.timeline, LSN: i.lsn, Replayed: i.lsn,
		Launched: i.running, Upstream: i.upstream, Checkpointed: true,
	}
	switch {
	case !i.exists:
		pg.Status, pg.Upstream = StatusAbsent, ""
	case !i.running:
		pg.Status = StatusStopped
		pg.Role = RoleStandby
		if i.wasOpen {
			pg.Role = RolePrimary
		}
	default:
		pg.Status, pg.PostmasterPID, pg.Role = StatusRunning, i.pid, RoleStandby
		pg.SyncNames, pg.SyncSettled, pg.SyncBarrier = i.sync, true, i.lsn
		if i.primary {
			pg.Role = RolePrimary
			pg.Senders = w.senders(n)
		} else if w.source(n) != nil {
			pg.Receiver = &Receiver{Status: "streaming", Host: i.upstream, End: i.lsn}
		}
	}
	return pg
}

func (w *world) senders(n *node) []Sender {
	var out []Sender
	for _, m := range w.nodes {
		if w.source(m) == n {
			out = append(out, Sender{Member: m.name, State: "streaming", Flush: m.pg.lsn})
		}
	}
	return out
}

// source is whom a standby really streams from; nil when it cannot.
func (w *world) source(n *node) *node {
	if !n.up || !n.pg.running || n.pg.primary || n.pg.upstream == "" {
		return nil
	}
	up := w.node(n.pg.upstream)
	if !w.linked(n, up) || !up.pg.running || !up.pg.primary || !strings.HasPrefix(up.pg.line, n.pg.line) || n.pg.lsn > up.pg.lsn {
		return nil
	}
	return up
}

// stream moves WAL from primaries to their standbys.
func (w *world) stream() {
	for _, n := range w.nodes {
		if up := w.source(n); up != nil {
			n.pg.lsn, n.pg.timeline, n.pg.line = up.pg.lsn, up.pg.timeline, up.pg.line
		}
	}
}

// finish brings about what a job does.
func (w *world) finish(n *node) {
	a := n.job.action
	n.job = nil
	done := Finished{Kind: a.Kind, Epoch: a.Epoch, At: w.now, Outcome: OutcomeDone}
	if why := w.do(n, a); why != "" {
		done.Outcome, done.Message = OutcomeRefused, why
	}
	n.o.Finished = append(n.o.Finished, done)
}

func (w *world) do(n *node, a Action) string {
	pg := &n.pg
	switch a.Kind {
	case ActBootstrap:
		*pg = instance{exists: true, pid: pg.pid, timeline: 1, lsn: 100, line: n.name, systemID: uint64(7000 + len(n.name))}
	case ActClone:
		from := w.node(a.Peer.Name)
		if !w.linked(n, from) || !from.pg.running {
			return "connection refused"
		}
		p := pg.pid
		*pg = from.pg
		pg.pid, pg.running, pg.primary, pg.wasOpen, pg.upstream, pg.armed = p, false, false, false, "", 0
	case ActStart:
		pg.running, pg.primary, pg.upstream = true, false, peerName(a.Peer)
		pg.wasOpen = false
		pg.pid++
	case ActStop:
		pg.wasOpen = pg.primary || pg.wasOpen
		pg.kill()
	case ActPromote:
		if !pg.running {
			return "not running"
		}
		pg.primary, pg.upstream, pg.timeline = true, "", max(pg.timeline, a.Timeline)+1
		pg.line += n.name
		pg.lsn += 10
		pg.sync = a.Sync.String()
	case ActApply:
		pg.sync = a.Sync.String()
	case ActDetach:
		pg.upstream = ""
	case ActRewind:
		return w.rewind(n, w.node(a.Peer.Name))
	case ActFollow:
		pg.upstream = a.Peer.Name
	}
	return ""
}

func (w *world) rewind(n, source *node) string {
	if !w.linked(n, source) || !source.pg.primary {
		return "connection refused"
	}
	if !strings.HasPrefix(source.pg.line, n.pg.line) || n.pg.lsn > source.pg.lsn {
		w.say("%s: WAL that diverged is kept and undone", n.name)
	}
	n.pg.lsn, n.pg.line, n.pg.timeline, n.pg.wasOpen = source.pg.lsn, source.pg.line, source.pg.timeline, false
	return ""
}

func peerName(p *Peer) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// write lets every writable primary accept a little.
func (w *world) write() {
	for _, n := range w.nodes {
		if n.up && n.pg.running && n.pg.primary {
			n.pg.lsn += 1000
		}
	}
}

// check is the invariant: at most one PostgreSQL is writable, and only under a leadership that no other could have
// replaced.
func (w *world) check() {
	if w.nodes[0].policy.Quorum {
		w.checkQuorum()
		return
	}
	open := map[uint64][]string{} // by system
	for _, n := range w.nodes {
		if n.up && n.pg.running && n.pg.primary {
			open[n.pg.systemID] = append(open[n.pg.systemID], n.name)
		}
		if names := open[n.pg.systemID]; len(names) > 1 {
			w.violations = append(w.violations, fmt.Sprintf("%s two writable primaries: %v", w.now.Sub(0), names))
		}
	}
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(&w.out, "%9s  %s\n", w.now.Sub(0), fmt.Sprintf(format, args...))
}

// primary is the name of the one writable node, with quorum durability of the one whose commits are acknowledged; empty when
// there is none.
func (w *world) primary() string {
	for _, n := range w.nodes {
		if n.up && n.pg.running && n.pg.primary && (!n.policy.Quorum || w.acknowledges(n)) {
			return n.name
		}
	}
	return ""
}

// healthy: one primary, everybody else streams from it.
func (w *world) healthy() bool {
	p := w.primary()
	for _, n := range w.nodes {
		if p == "" || n.name != p && (w.source(n) == nil || n.pg.upstream != p) {
			return false
		}
	}
	return !w.nodes[0].policy.Quorum || w.settledQuorum()
}
