// SPDX-License-Identifier: Apache-2.0

package core

import (
	"maps"
	"slices"
	"strings"
)

// keep is what a holder does whatever else it does: renew in time, keep the deadman armed, write down what only a
// leader may.
func (f *facts) keep() Plan {
	var plan Plan
	plan = append(plan, f.arm()...)
	if f.renewalDue() {
		plan = append(plan, f.renew())
	}
	return append(plan, f.leaderRecords()...)
}

// renewalDue: a quarter of the TTL is over, or the record does not say what it should. When a pause ends, the
// deadman comes first: from the write on, others may count down.
func (f *facts) renewalDue() bool {
	h := f.s.Hold
	if h.Record.Handover != f.handoverToSay() {
		return true
	}
	if h.Record.Paused != f.pauseWanted() {
		return f.pauseWanted() || f.guarded()
	}
	return h.Record.TTL != f.ttlToSay() || f.o.Now >= h.RenewedAt.Add(f.p.RenewEvery())
}

// ttlToSay is the TTL for the record. A shorter one is said once this node counts by it, the deadman included: from the write on,
// others may.
func (f *facts) ttlToSay() Span {
	h := f.s.Hold
	if f.p.TTL >= h.Record.TTL || h.Indefinite || h.Deadline <= f.o.Now.Add(f.p.TTL) && f.guarded() {
		return f.p.TTL
	}
	return h.Record.TTL
}

// guarded: the deadman ends a writable PostgreSQL before the deadline.
func (f *facts) guarded() bool {
	d := f.o.Deadman
	return !f.s.Writable || f.o.Postgres != nil && (!f.pg.Launched && !d.Present || d.ArmedUntil != 0 && d.ArmedUntil <= f.s.Hold.Deadline)
}

// pauseWanted is whether the record should say paused; before the DCS was read it is left as it is.
func (f *facts) pauseWanted() bool {
	if f.o.View == nil {
		return f.s.Hold.Record.Paused
	}
	return f.view.Config.Value.Paused
}

// arm brings the deadman in line with the leadership: before PostgreSQL may be writable, and with every renewal.
func (f *facts) arm() Plan {
	d := f.o.Deadman
	if !f.pg.Launched && !d.Present {
		return nil
	}
	want := f.s.Hold.Deadline.Add(-f.p.DeadmanMargin())
	switch {
	case f.s.Hold.Indefinite && d.ArmedUntil != 0:
		return Plan{{Kind: ActDisarm, Epoch: f.s.Hold.Epoch}}
	case !f.s.Hold.Indefinite && d.ArmedUntil != want:
		return Plan{{Kind: ActArm, Epoch: f.s.Hold.Epoch, Until: want}}
	}
	return nil
}

// disarm takes the deadman off a PostgreSQL that is proven to be a standby and stays one.
func (f *facts) disarm() Plan {
	if f.o.Deadman.ArmedUntil != 0 && !f.s.Writable && pgStandby.holds(f) {
		return Plan{{Kind: ActDisarm, Epoch: f.epoch()}}
	}
	return nil
}

// leaderRecords writes what is missing once the primary is open.
func (f *facts) leaderRecords() Plan {
	if !pgPrimary.holds(f) || !viewFresh.holds(f) || !viewOwn.holds(f) {
		return nil
	}
	if identityMissing.holds(f) && f.pg.SystemID != 0 {
		return Plan{f.fixIdentity()}
	}
	known := slices.ContainsFunc(f.view.History, func(h Versioned[History]) bool { return h.Value.Epoch == f.s.Hold.Epoch })
	if !known {
		return Plan{f.recordHistory()}
	}
	return f.keepCohort()
}

// apply brings settings and slots in line when the members changed, or PostgreSQL is a new process.
func (f *facts) apply() Plan {
	if !f.cohortKnown() || f.s.Applied == f.applyKey() && f.syncReady() || !f.mayTry(ActApply) {
		return nil
	}
	set := f.syncSet()
	return Plan{{Kind: ActApply, Epoch: f.epoch(), Members: f.others(), Sync: set, Settle: set.K > 0 || f.s.Base.K > 0}}
}

// applyKey names what ActApply was last asked to bring about.
func (f *facts) applyKey() string {
	return string(f.pg.Role) + " " + strings.Join(f.others(), " ") + " " + f.syncSet().String()
}

// epilogue is what every supervisor does that may speak: say how it is, have clients held back or let go, and tell the routers
// unless that is done already.
func (f *facts) epilogue(plan Plan) Plan {
	if f.begun() {
		return nil
	}
	out := append(f.publish(), f.holdBack()...)
	told := func(a Action) bool { return a.Routes != nil }
	if slices.ContainsFunc(plan, told) || slices.ContainsFunc(out, told) {
		return out
	}
	return append(out, f.route()...)
}

// begun: this process does not know PostgreSQL yet, and what the one before has said of it lately stands. Routers, which would take
// "not known" for "gone", do not notice the restart of a supervisor.
func (f *facts) begun() bool {
	return f.o.Postgres == nil && f.view.Member(f.p.Self.Name).Value.Token == f.p.Self.Token && f.alive(f.p.Self.Name)
}

// publish writes the member record when something changed, or as a sign of life.
func (f *facts) publish() Plan {
	if !viewFresh.holds(f) || !viewOwn.holds(f) || !f.s.Claim.Done {
		return nil
	}
	cur := f.view.Member(f.p.Self.Name)
	own := f.self()
	if cur.Exists() && sameMember(cur.Value, own) && f.o.Now.Sub(f.seenSelf()) < f.p.BeatEvery() {
		return nil
	}
	own.Beat = cur.Value.Beat
	if !f.o.Unstored { // a beat that the disk does not know would make it look older than the DCS
		own.Beat++
	}
	return Plan{{Kind: ActCommit, Epoch: f.epoch(), Commit: &Commit{
		Purpose: CommitMember, Compares: []Compare{{KeyMember(own.Name), cur.Rev}},
		Writes: []Write{{KeyMember(own.Name), own}},
	}}}
}

// seenSelf is since when our own record has been as it is.
func (f *facts) seenSelf() Instant {
	return f.seen(f.p.Self.Name).At
}

// seen is since when a member's record has been as it is; zero for one without.
func (f *facts) seen(name string) MemberSeen {
	for _, m := range f.s.Members {
		if m.Name == name {
			return m
		}
	}
	return MemberSeen{}
}

// self is the member record as it should be now.
func (f *facts) self() Member {
	self, pg := f.p.Self, f.pg
	m := Member{
		Name: self.Name, Instance: self.Instance, Token: self.Token, API: self.API, Host: self.Host, Port: self.Port,
		Version: self.Version, NoFailover: self.NoFailover, Priority: self.Priority, Tags: self.Tags,
		Status: pg.Status, Role: pg.Role, Message: f.message(), SystemID: pg.SystemID, ServerVersion: pg.ServerVersion,
		Timeline: pg.Timeline, LSN: pg.LSN, Replayed: pg.Replayed, WalEpoch: f.s.WalEpoch,
		Streaming: streaming(&pg), Upstream: pg.Upstream, Checkpointed: pg.Checkpointed, PendingRestart: pg.PendingRestart,
	}
	if f.o.Job != nil {
		m.Job = string(f.o.Job.Kind)
	}
	// Of a leader that has released, the last WAL may still be arriving: what is said in the race is final.
	if arriving := f.leader.Released && streaming(&pg); f.s.RaceSince != 0 && !arriving {
		m.Race = f.s.RaceEpoch
	}
	m.Detached, m.Lacking, m.Owed = f.voted(), f.s.Lacking, f.s.Owed
	m.Pools = f.o.Poolers.Any
	if f.s.HeldBack != "" && f.s.HeldBack == f.o.Poolers.Held {
		m.Held, m.Stuck = f.o.Poolers.Held, f.o.Poolers.Stuck
	}
	return m
}

// message is the one line that matters most: what PostgreSQL says, else the last failure that is being retried, else that no
// deadman guards it.
func (f *facts) message() string {
	if f.pg.Message != "" {
		return f.pg.Message
	}
	if identityForeign.holds(f) {
		return "the data directory belongs to another cluster"
	}
	for _, r := range f.s.Retries {
		return string(r.Kind) + ": " + r.Message
	}
	if f.pg.Status == StatusRunning && !f.pg.Launched && !f.o.Deadman.Present {
		return "PostgreSQL runs as it was found, without pgvigil's launcher: no deadman until it is restarted " +
			"(systemctl stop pgvigil; systemctl start pgvigil)"
	}
	return ""
}

// sameMember compares everything but the beat, and positions outside a race.
func sameMember(a, b Member) bool {
	a.Beat, b.Beat = 0, 0
	if a.Race == 0 && b.Race == 0 {
		a.LSN, b.LSN, a.Replayed, b.Replayed = 0, 0, 0, 0
	}
	return a.Name == b.Name && a.Instance == b.Instance && a.Token == b.Token && a.API == b.API && a.Host == b.Host &&
		a.Port == b.Port && a.Version == b.Version && a.Beat == b.Beat && a.Status == b.Status && a.Role == b.Role &&
		a.Message == b.Message && a.SystemID == b.SystemID && a.ServerVersion == b.ServerVersion &&
		a.Timeline == b.Timeline && a.LSN == b.LSN && a.Replayed == b.Replayed && a.WalEpoch == b.WalEpoch &&
		a.Streaming == b.Streaming && a.Upstream == b.Upstream && a.Checkpointed == b.Checkpointed &&
		slices.Equal(a.PendingRestart, b.PendingRestart) && a.Job == b.Job && a.NoFailover == b.NoFailover &&
		a.Priority == b.Priority && maps.Equal(a.Tags, b.Tags) && a.Detached == b.Detached && a.Lacking == b.Lacking && a.Owed == b.Owed &&
		a.Race == b.Race && a.Pools == b.Pools && a.Held == b.Held && a.Stuck == b.Stuck
}

// route tells the routers, when something changed and every few seconds. Without a fresh picture they are told one thing only: that
// PostgreSQL here is no primary any more.
func (f *facts) route() Plan {
	told := f.s.Routed
	switch {
	case !f.p.Routers:
		return nil
	case !viewFresh.holds(f):
		if told == nil || told.OwnRole != RolePrimary || f.leads() {
			return nil
		}
		r := f.demoted(*told)
		return Plan{{Kind: ActRoute, Epoch: r.Epoch, Routes: &r}}
	}
	r := f.routes()
	if told != nil && sameRoutes(*told, r) && f.o.Now.Sub(f.s.RoutedAt) < 5*Second {
		return nil
	}
	return Plan{{Kind: ActRoute, Epoch: r.Epoch, Routes: &r}}
}

// leads: PostgreSQL here is the primary by right, and is not being stopped.
func (f *facts) leads() bool {
	return pgPrimary.holds(f) && f.holding() && (f.o.Job == nil || f.o.Job.Kind != ActStop)
}

// routes is where traffic belongs: the primary only while its leadership is in force.
func (f *facts) routes() Routes {
	r := Routes{Epoch: f.epoch(), OwnRole: RoleUnknown}
	for _, m := range f.view.Members {
		e := endpoint(m.Value, f.seen(m.Value.Name).Leader)
		switch {
		case !f.alive(m.Value.Name) || m.Value.Status != StatusRunning:
		case m.Value.Role == RolePrimary && m.Value.Name == f.leader.Holder && leaderLive(f.s, f.o, f.p):
			r.Primary = &e
		case m.Value.Role == RoleStandby && m.Value.Tags["noloadbalance"] != "true":
			r.Replicas = append(r.Replicas, e)
		}
	}
	switch {
	case f.leads():
		r.OwnRole = RolePrimary
	case pgStandby.holds(f):
		r.OwnRole = RoleStandby
	default:
		return f.demoted(r)
	}
	return r
}

// demoted are the routes without a primary here.
func (f *facts) demoted(r Routes) Routes {
	r.OwnRole = RoleUnknown
	if r.Primary != nil && r.Primary.Name == f.p.Self.Name {
		r.Primary = nil
	}
	return r
}

// stop shuts PostgreSQL down in order. Of a primary the routers are told first, so that nothing is sent there any more.
func (f *facts) stop() Action {
	a := Action{Kind: ActStop, Epoch: f.epoch(), Patience: f.p.StopPatience}
	if f.p.Routers && pgPrimary.holds(f) {
		r := f.demoted(f.routes())
		a.Routes = &r
	}
	return a
}

// endpoint is a member as traffic sees it. leader is how far the leader was known to be when the member's record came.
func endpoint(m Member, leader LSN) Endpoint {
	e := Endpoint{Peer: Peer{Name: m.Name, Host: m.Host, Port: m.Port}, Tags: m.Tags}
	if m.Role == RoleStandby {
		e.LagBytes = max(leader, m.LSN).past(m.Replayed)
	}
	return e
}

// sameRoutes compares everything but lag.
func sameRoutes(a, b Routes) bool {
	if a.Epoch != b.Epoch || a.OwnRole != b.OwnRole || (a.Primary == nil) != (b.Primary == nil) {
		return false
	}
	if a.Primary != nil && a.Primary.Peer != b.Primary.Peer {
		return false
	}
	return slices.EqualFunc(a.Replicas, b.Replicas, func(x, y Endpoint) bool { return x.Peer == y.Peer })
}
