// SPDX-License-Identifier: Apache-2.0

package core

// The named conditions. Each says what it takes "not known" for; whatever could lead to two primaries falls to
// the safe side.
var (
	// The supervisor itself.
	stopping      = &condition{"stopping", func(f *facts) bool { return f.o.Stopping }}
	claimed       = &condition{"name claimed", func(f *facts) bool { return f.s.Claim.Done }}
	duplicate     = &condition{"name taken by another supervisor", func(f *facts) bool { return f.s.Claim.Duplicate }}
	watchdogReady = &condition{"watchdog usable or not required", func(f *facts) bool { return f.o.WatchdogReady }}

	// The leadership. A leadership whose end has come too near counts as lost.
	holding  = &condition{"holding the leadership", (*facts).holding}
	held     = &condition{"leadership was held", func(f *facts) bool { return f.s.Hold.Epoch != 0 }}
	promoted = &condition{"epoch already used or given up", func(f *facts) bool {
		return f.s.Hold.Epoch != 0 && (f.s.Promoted == f.s.Hold.Epoch || f.s.GivenUp == f.s.Hold.Epoch)
	}}
	// armed: only a PostgreSQL that was adopted without the launcher goes without a deadman.
	armed = &condition{"deadman and watchdog armed", func(f *facts) bool {
		return f.s.Hold.Indefinite || !f.o.WatchdogPending && (!f.pg.Launched || f.o.Deadman.ArmedUntil > f.o.Now)
	}}

	// The DCS. A picture older than a TTL is no ground for acting.
	viewed    = &condition{"DCS read", func(f *facts) bool { return f.o.View != nil }}
	viewFresh = &condition{"DCS reachable", func(f *facts) bool {
		return f.o.View != nil && f.o.Now.Sub(f.view.SeenAt) < f.p.viewTTL()
	}}
	viewOwn = &condition{"own writes seen", func(f *facts) bool {
		return f.o.View != nil && f.view.Revision >= f.s.LastCommit
	}}
	// live: another member's leadership is in force by this node's own clock.
	live       = &condition{"another leads", (*facts).anotherLeads}
	formerLife = &condition{"record of our former life in force", func(f *facts) bool {
		return leaderLive(f.s, f.o, f.p) && f.leader.Holder == f.p.Self.Name && f.s.Hold.Epoch == 0
	}}
	paused          = &condition{"paused", func(f *facts) bool { return f.view.Config.Value.Paused }}
	clusterBorn     = &condition{"cluster has had a leader", func(f *facts) bool { return f.view.Epoch.Exists() }}
	identityMissing = &condition{"system identifier not fixed", func(f *facts) bool { return !f.view.Identity.Exists() }}
	identityForeign = &condition{"data of another cluster", (*facts).identityForeign}
	unfinished      = &condition{"first leadership here came to nothing", (*facts).unfinished}

	// The local PostgreSQL.
	writable    = &condition{"PostgreSQL may be writable", func(f *facts) bool { return f.s.Writable || f.o.Postgres == nil && f.s.Hold.Epoch != 0 }}
	jobRunning  = &condition{"action under way", func(f *facts) bool { return f.o.Job != nil }}
	pgKnown     = &condition{"PostgreSQL's state known", (*facts).pgKnown}
	pgPrimary   = &condition{"primary running", func(f *facts) bool { return f.pg.Status == StatusRunning && f.pg.Role == RolePrimary }}
	pgStandby   = &condition{"standby running", func(f *facts) bool { return f.pg.Status == StatusRunning && f.pg.Role == RoleStandby }}
	pgDown      = &condition{"PostgreSQL down, nothing left of it", func(f *facts) bool { return f.down() && f.pg.Empty }}
	pgLeftovers = &condition{"PostgreSQL down, processes left for long", func(f *facts) bool {
		return f.down() && !f.pg.Empty && f.s.LeftoversSince != 0 && f.o.Now.Sub(f.s.LeftoversSince) >= f.p.ReapGrace()
	}}
	pgAbsent   = &condition{"no data directory", func(f *facts) bool { return f.pg.Status == StatusAbsent }}
	pgUnusable = &condition{"data directory unusable", func(f *facts) bool { return f.pg.Status == StatusUnusable }}
	// halfRewound: the one unusable directory that a fresh copy may replace unasked.
	halfRewound = &condition{"rewind broke off", func(f *facts) bool { return f.pg.Status == StatusUnusable && f.pg.HalfRewound }}
	pgHung      = &condition{"PostgreSQL hung for a TTL", func(f *facts) bool { return f.s.HungSince != 0 && f.o.Now.Sub(f.s.HungSince) >= f.p.TTL }}
	dataKnown   = &condition{"data belongs here", (*facts).dataKnown}
	// standsAlone: a rewound or copied directory may need WAL of its source before it lets anybody in.
	standsAlone     = &condition{"consistent by itself", func(f *facts) bool { return !f.s.Lacking || named.holds(f) }}
	stray           = &condition{"starting towards another than the leader", (*facts).stray}
	othersElect     = &condition{"gave up, others go first", (*facts).othersElect}
	mayStart        = &condition{"start may be tried", func(f *facts) bool { return f.mayTry(ActStart) }}
	mayClone        = &condition{"clone may be tried", func(f *facts) bool { return f.mayTry(ActClone) }}
	mayRewind       = &condition{"rewind may be tried", func(f *facts) bool { return f.mayTry(ActRewind) }}
	mayFollow       = &condition{"follow may be tried", func(f *facts) bool { return f.mayTry(ActFollow) }}
	mayPromote      = &condition{"promotion may be tried", func(f *facts) bool { return f.mayTry(ActPromote) }}
	promoteHopeless = &condition{"promotion failed three times", func(f *facts) bool { return f.s.retry(ActPromote).Failures >= 3 }}
	mayBootstrap    = &condition{"bootstrap may be tried", func(f *facts) bool { return f.mayTry(ActBootstrap) }}

	// The race for a vacant leadership.
	nofailover   = &condition{"tagged nofailover", func(f *facts) bool { return f.p.Self.NoFailover }}
	named        = &condition{"named by the operator", func(f *facts) bool { return f.op.Kind == Failover && f.op.To == f.p.Self.Name }}
	othersHave   = &condition{"another member has data", (*facts).othersHaveData}
	madeRoom     = &condition{"room made for another member", (*facts).madeRoomForOther}
	complete     = &condition{"has all the WAL of the released leader", (*facts).complete}
	released     = &condition{"leader said where its WAL ends", func(f *facts) bool { return f.leader.Released && f.leader.FinalLSN }}
	returnGrace  = &condition{"released leader may come back with it", (*facts).inReturnGrace}
	tooFarBehind = &condition{"too far behind the last leader", (*facts).tooFarBehind}
	raceOpen     = &condition{"other candidates not heard yet", (*facts).raceOpen}
	best         = &condition{"best candidate", (*facts).best}
	secondChance = &condition{"best candidate had its time", func(f *facts) bool { return f.o.Now.Sub(f.s.RaceSince) >= 4*f.p.RaceGrace() }}
	lapsedOurs   = &condition{"leader record still ours", func(f *facts) bool { return f.s.Hold.Epoch != 0 }}

	// The election of a cohort. Whatever is not known speaks against a vote, and against taking over.
	quorum   = &condition{"quorum durability", func(f *facts) bool { return quorate(f.o.View) }}
	electing = &condition{"electing by ballots", func(f *facts) bool {
		return f.voted() || quorate(f.o.View) && !f.anotherLeads()
	}}
	voted         = &condition{"ballot cast, or about to be", (*facts).voted}
	leaderBack    = &condition{"leader is back", (*facts).leaderBack}
	failoverAsked = &condition{"operator asked for a failover", func(f *facts) bool { return f.op.Kind == Failover }}
	forced        = &condition{"loss accepted by the operator", func(f *facts) bool { return f.op.Kind == Failover && f.op.Force }}
	elector       = &condition{"has a vote", (*facts).elector}
	bound         = &condition{"bound by a promise", (*facts).bound}
	detached      = &condition{"detached for good", (*facts).detached}
	mayDetach     = &condition{"detaching may be tried", func(f *facts) bool { return f.mayTry(ActDetach) }}
	olderDisk     = &condition{"older than it once was", func(f *facts) bool { return f.position().before(f.s.Owed) }}
	ballotCast    = &condition{"own ballot counts", (*facts).ownBallot}
	enough        = &condition{"enough ballots no better than ours", (*facts).enough}
	betterComes   = &condition{"better recruit has its time", (*facts).betterComes}
	syncReady     = &condition{"synchronous standbys set", (*facts).syncReady}

	// Following a leader. A leader that does not say it is open is not ready to be copied from.
	open      = &condition{"leader open", func(f *facts) bool { return leaderOpen(f.s, f.o, f.p) && !f.suspected() }}
	following = &condition{"set to follow the leader", func(f *facts) bool {
		return f.pg.Upstream == f.leader.Holder && (!f.pg.Restores || !quorate(f.o.View))
	}}
	fits          = &condition{"own WAL not past the fork for sure", (*facts).fits}
	arriving      = &condition{"streaming", func(f *facts) bool { return streaming(&f.pg) }}
	forked        = &condition{"own WAL past the fork", (*facts).forked}
	streamOverdue = &condition{"not streaming for long", func(f *facts) bool { return f.o.Now.Sub(f.s.Ladder.Since) >= f.p.StreamGrace() }}
	needsRewind   = &condition{"rewind due", (*facts).rewindDue}
	cloneDue      = &condition{"copy due", (*facts).cloneDue}
	mayReplace    = &condition{"data may be replaced", func(f *facts) bool { return f.p.Reclone }}
	reinit        = &condition{"operator asked for a fresh copy", func(f *facts) bool {
		return f.op.Kind == Reinit && f.op.To == f.p.Self.Name && !f.s.Operation.Recloned
	}}

	// Operations on a leader.
	asked        = &condition{"operator asked to hand over", (*facts).handoverAsked}
	impossible   = &condition{"hand-over impossible", func(f *facts) bool { return f.handoverBlocker() != "" }}
	checkpointed = &condition{"checkpoint made ahead", func(f *facts) bool { return f.s.Operation.Checkpointed || !f.mayTry(ActCheckpoint) }}
	caughtUp     = &condition{"candidate caught up", (*facts).candidateCaughtUp}
	clientsHeld  = &condition{"poolers hold clients back", (*facts).clientsHeld}
	poolerStuck  = &condition{"a pooler cannot", func(f *facts) bool { return f.poolerStuck() != "" }}
)

// pgKnown: there is a report, and none that a job has made obsolete. Of a primary that ended under our leadership we wait a
// little for the end of its WAL, which a fence cannot tell: without it others would take over with less.
func (f *facts) pgKnown() bool {
	if promoted.holds(f) && f.s.EndlessSince != 0 && f.o.Now.Sub(f.s.EndlessSince) < f.p.EndGrace() {
		return false
	}
	return f.o.Postgres != nil && f.pg.At >= f.s.LastJobEnd
}

// anotherLeads: by its time, or with quorum durability until it releases or we vote against it.
func (f *facts) anotherLeads() bool {
	if f.leader.Holder == f.p.Self.Name {
		return false
	}
	if quorate(f.o.View) {
		return f.view.Leader.Exists() && !f.leader.Released && !f.contested()
	}
	return leaderLive(f.s, f.o, f.p)
}

// stray: it waits for WAL of a former leader before it lets anybody in, and so cannot be told to follow another one.
func (f *facts) stray() bool {
	old := f.o.Job == nil || f.o.Job.Kind == ActStart && f.o.Job.Epoch < f.view.Epoch.Value.Epoch
	return f.s.Lacking && f.pg.Status == StatusStarting && old && pgKnown.holds(f) && f.pg.Upstream != f.leader.Holder && leaderOpen(f.s, f.o, f.p)
}

// down: not running by the plugin's proof.
func (f *facts) down() bool { return f.pg.Status == StatusStopped || f.pg.Status == StatusCrashed }

// cloneDue: nothing is left of PostgreSQL, and only a fresh copy makes its data follow the leader.
func (f *facts) cloneDue() bool {
	if !f.pg.Empty {
		return false
	}
	return halfRewound.holds(f) || f.down() && (f.s.Ladder.Rung >= RungClone || f.rewindDue() && !f.p.Rewind)
}

// unfinished: this member had the cluster's first leadership, to make or to adopt its database, and lost it before it could say which
// one that is. Nobody else has data; what is here is what it made.
func (f *facts) unfinished() bool {
	return identityMissing.holds(f) && f.leader.Holder == f.p.Self.Name
}

func (f *facts) dataKnown() bool {
	return f.pg.SystemID != 0 && (f.s.SystemID == f.pg.SystemID || f.unfinished())
}

// identityForeign: both identifiers are known and differ.
func (f *facts) identityForeign() bool {
	return f.view.Identity.Exists() && f.pg.SystemID != 0 && f.pg.SystemID != f.view.Identity.Value.SystemID
}

// othersHaveData: some live member's record shows a database where the cluster has none.
func (f *facts) othersHaveData() bool {
	for _, m := range f.view.Members {
		if m.Value.Name != f.p.Self.Name && m.Value.SystemID != 0 && f.alive(m.Value.Name) {
			return true
		}
	}
	return false
}
