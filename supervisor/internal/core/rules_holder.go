// SPDX-License-Identifier: Apache-2.0

package core

// keeping adds to keep what a rule wants.
func keeping(more func(*facts) Plan) func(*facts) Plan {
	return func(f *facts) Plan { return append(f.keep(), more(f)...) }
}

var keeps = []ActionKind{ActCommit, ActArm, ActDisarm}

func keepsAnd(k ...ActionKind) []ActionKind { return append(append([]ActionKind{}, keeps...), k...) }

func release(f *facts) Plan { return Plan{f.release()} }

// holderRules: the leadership is ours.
func holderRules() section {
	return section{"holder", []literal{is(holding)}, []rule{
		row("P-010", []literal{is(pgHung)}, keeping(fence), keepsAnd(ActFence),
			"PostgreSQL has not answered for a whole TTL: it is killed so that another member can lead."),
		row("P-020", []literal{is(jobRunning)}, (*facts).keep, keeps,
			"Leading: the action under way goes on."),
		row("P-030", []literal{not(pgKnown)}, (*facts).keep, keeps,
			"Leading: waiting to learn how PostgreSQL is."),
		row("P-040", []literal{is(pgLeftovers)}, keeping(fence), keepsAnd(ActFence),
			"PostgreSQL is down but left processes that may still commit: they are ended before anything else."),
		row("P-050", []literal{is(identityForeign), not(pgPrimary), not(writable)}, release, []ActionKind{ActCommit},
			"The data directory belongs to another cluster: the leadership is given up."),
		row("P-060", []literal{is(pgPrimary), is(asked), is(impossible)}, keeping(func(f *facts) Plan {
			return Plan{f.endOperation(Failed, f.handoverBlocker())}
		}), keepsAnd(),
			"Leading: the hand-over that was asked for cannot happen, and the operator is told why."),
		row("P-070", []literal{is(pgPrimary), is(asked), not(checkpointed)}, keeping(func(f *facts) Plan {
			return Plan{{Kind: ActCheckpoint, Epoch: f.epoch()}}
		}), keepsAnd(ActCheckpoint),
			"Leading: a checkpoint is made ahead of the hand-over, so that the shutdown is short."),
		row("P-075", []literal{is(pgPrimary), is(asked), is(poolerStuck)}, keeping(func(f *facts) Plan {
			return Plan{f.endOperation(Failed, f.poolerStuck())}
		}), keeps,
			"Leading: a pooler cannot hold clients back, the hand-over is called off."),
		row("P-080", []literal{is(pgPrimary), is(asked), is(caughtUp), is(clientsHeld)}, keeping(func(f *facts) Plan {
			return Plan{f.stop()}
		}), keepsAnd(ActStop),
			"Leading: the candidate has caught up, PostgreSQL is shut down to hand over."),
		row("P-085", []literal{is(pgPrimary), is(asked), is(caughtUp)}, (*facts).keep, keeps,
			"Leading: poolers are holding clients back before PostgreSQL is shut down to hand over."),
		row("P-090", []literal{is(pgPrimary), is(asked)}, (*facts).keep, keeps,
			"Leading: waiting for the candidate to catch up before handing over."),
		row("P-100", []literal{is(pgPrimary)}, keeping((*facts).apply), keepsAnd(ActApply),
			"Leading: the primary is open, the leadership is renewed."),
		row("P-110", []literal{is(pgStandby), is(writable), is(promoteHopeless)}, keeping(fence), keepsAnd(ActFence),
			"The promotion was begun and does not end: PostgreSQL is killed so that another member can lead."),
		row("P-115", []literal{is(pgStandby), is(writable), not(syncReady)}, keeping(apply), keepsAnd(ActApply),
			"The promotion was begun and its end is not known: which standbys have to acknowledge is settled before it is asked for again."),
		row("P-120", []literal{is(pgStandby), is(writable), not(armed)}, (*facts).keep, keeps,
			"The promotion was begun and its end is not known: the deadman is armed before it is asked for again."),
		row("P-130", []literal{is(pgStandby), is(writable), is(mayPromote)}, keeping(promote), keepsAnd(ActPromote),
			"The promotion was begun and its end is not known: it is asked for again."),
		row("P-140", []literal{is(pgStandby), is(writable)}, (*facts).keep, keeps,
			"The promotion was begun and its end is not known: waiting before it is asked for again."),
		row("P-150", []literal{is(pgStandby), is(promoted)}, release, []ActionKind{ActCommit},
			"This epoch's primary is gone and recovered as a standby: the leadership is given up for a new race."),
		row("P-160", []literal{is(pgStandby), not(watchdogReady)}, release, []ActionKind{ActCommit},
			"The watchdog is required and cannot be used: this node may not lead."),
		row("P-170", []literal{is(pgStandby), is(identityMissing), is(viewOwn)}, keeping(func(f *facts) Plan {
			return Plan{f.fixIdentity()}
		}), keepsAnd(),
			"First leader: the cluster is tied to this database system before it opens."),
		row("P-175", []literal{is(pgStandby), not(syncReady)}, keeping(apply), keepsAnd(ActApply),
			"Elected: PostgreSQL is told, before it opens, which standbys have to acknowledge."),
		row("P-180", []literal{is(pgStandby), not(armed)}, (*facts).keep, keeps,
			"Elected: the deadman is armed before PostgreSQL opens."),
		row("P-190", []literal{is(pgStandby), is(mayPromote), not(identityMissing)}, keeping(promote), keepsAnd(ActPromote),
			"Elected: PostgreSQL is promoted."),
		row("P-200", []literal{is(pgStandby)}, (*facts).keep, keeps,
			"Elected: waiting before the promotion can be tried."),
		row("P-210", []literal{is(pgDown), is(promoted)}, release, []ActionKind{ActCommit},
			"The primary is down and nothing of it is left: the leadership is given up, with the end of its WAL, so that nobody has to wait."),
		row("P-220", []literal{is(pgDown), is(mayStart)}, keeping(startAlone), keepsAnd(ActStart),
			"Elected, but not running: PostgreSQL is started as a standby first."),
		row("P-230", []literal{is(pgAbsent), is(identityMissing), is(mayBootstrap)}, keeping(func(f *facts) Plan {
			return Plan{{Kind: ActBootstrap, Epoch: f.epoch()}}
		}), keepsAnd(ActBootstrap),
			"First leader: a new database cluster is made."),
		row("P-240", []literal{is(pgDown)}, release, []ActionKind{ActCommit},
			"Elected, but PostgreSQL does not start: the leadership is given up."),
		row("P-250", []literal{is(pgAbsent)}, release, []ActionKind{ActCommit},
			"Elected, but there is no data directory: the leadership is given up."),
		row("P-260", []literal{is(pgUnusable), is(writable)}, keeping(fence), keepsAnd(ActFence),
			"The data directory became unusable under a PostgreSQL that may still be writable: it is killed first."),
		row("P-270", []literal{is(pgUnusable)}, release, []ActionKind{ActCommit},
			"Elected, but the data directory is unusable: the leadership is given up."),
		row("P-280", nil, (*facts).keep, keeps,
			"Leading: PostgreSQL is between two states."),
	}}
}

// promote opens PostgreSQL for writes, on a timeline no other epoch can use.
func promote(f *facts) Plan {
	return Plan{{Kind: ActPromote, Epoch: f.s.Hold.Epoch, Members: f.others(), Timeline: f.reserved() - 1, Sync: f.syncSet()}}
}

func apply(f *facts) Plan { return f.apply() }

// reserved is the timeline number our epoch reserved; at least one past what PostgreSQL is on.
func (f *facts) reserved() Timeline {
	return max(f.pg.Timeline+1, f.s.Hold.Record.Reserved)
}
