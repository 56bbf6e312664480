// SPDX-License-Identifier: Apache-2.0

package core

// clone copies the leader's data directory.
func clone(replace bool) func(*facts) Plan {
	return func(f *facts) Plan {
		return Plan{{Kind: ActClone, Epoch: f.epoch(), Peer: f.upstream(), Replace: replace}}
	}
}

// stand adds what a settled standby does anyway.
func stand(f *facts) Plan { return append(f.disarm(), f.apply()...) }

// standbyRules: another member leads.
func standbyRules() section {
	return section{"standby", nil, []rule{
		row("S-005", []literal{is(stray)}, fence, []ActionKind{ActFence},
			"PostgreSQL was rewound or copied, and starts towards a member that leads no more: it is ended, to be started towards the leader."),
		row("S-010", []literal{is(jobRunning)}, wait, nil,
			"Following: the action under way goes on."),
		row("S-020", []literal{not(pgKnown)}, wait, nil,
			"Following: waiting to learn how PostgreSQL is here."),
		row("S-030", []literal{is(pgLeftovers)}, fence, []ActionKind{ActFence},
			"PostgreSQL is down but left processes behind: they are ended first."),
		row("S-040", []literal{is(reinit), not(open)}, wait, nil,
			"A fresh copy was asked for: waiting for the leader to be open."),
		row("S-050", []literal{is(reinit), is(mayClone), not(pgDown), not(pgAbsent), not(pgUnusable)}, func(f *facts) Plan {
			return Plan{{Kind: ActStop, Epoch: f.epoch()}}
		}, []ActionKind{ActStop},
			"A fresh copy was asked for: PostgreSQL is stopped."),
		row("S-060", []literal{is(reinit), is(mayClone)}, clone(true), []ActionKind{ActClone},
			"A fresh copy was asked for: it is made from the leader."),
		row("S-070", []literal{is(identityForeign)}, wait, nil,
			"The data directory belongs to another cluster: nothing is done to it. Reinitialise this member to replace it."),
		row("S-080", []literal{is(pgUnusable), not(halfRewound)}, wait, nil,
			"The data directory is unusable: nothing is done to it. Reinitialise this member to replace it."),
		row("S-090", []literal{is(paused), not(pgStandby)}, wait, nil,
			"The cluster is paused: PostgreSQL is not started here."),
		row("S-100", []literal{is(pgAbsent), is(open), is(mayClone)}, clone(false), []ActionKind{ActClone},
			"New member: the leader's data directory is copied."),
		row("S-110", []literal{is(pgAbsent)}, wait, nil,
			"New member: waiting until the leader can be copied."),
		row("S-120", []literal{is(cloneDue), not(mayReplace)}, wait, nil,
			"The data here cannot be made to follow the leader, and replacing it is not allowed: a person must decide."),
		row("S-130", []literal{is(cloneDue), is(open), is(mayClone)}, clone(true), []ActionKind{ActClone},
			"The data here cannot be made to follow the leader any other way: it is copied afresh."),
		row("S-140", []literal{is(cloneDue)}, wait, nil,
			"The data here has to be copied afresh: waiting until the leader can be copied."),
		row("S-150", []literal{is(pgDown), is(needsRewind), is(open), is(mayRewind)}, func(f *facts) Plan {
			return Plan{{Kind: ActRewind, Epoch: f.epoch(), Peer: f.upstream()}}
		}, []ActionKind{ActRewind},
			"The data here was a primary's, or went another way than the leader's: it is rewound to the leader's history."),
		row("S-160", []literal{is(pgDown), is(needsRewind)}, wait, nil,
			"The data here has to be rewound: waiting until the leader can be rewound to."),
		row("S-165", []literal{is(pgDown), not(fits), is(mayStart)}, startAlone, []ActionKind{ActStart},
			"Whether the WAL here goes past the point where the leader's history began is not known: PostgreSQL is started as a standby of nobody to learn where it ends."),
		row("S-170", []literal{is(pgDown), is(mayStart)}, func(f *facts) Plan {
			return Plan{{Kind: ActStart, Epoch: f.epoch(), Peer: f.upstream()}}
		}, []ActionKind{ActStart},
			"PostgreSQL is started as a standby of the leader."),
		row("S-180", []literal{is(pgDown)}, wait, nil,
			"PostgreSQL did not start: waiting before the next attempt."),
		climbing(row("S-190", []literal{is(pgStandby), is(forked), is(open)}, astray, []ActionKind{ActStop},
			"This standby's WAL goes past the point where the leader's history left it: it is stopped to be rewound.")),
		row("S-195", []literal{is(pgStandby), not(following), not(fits), not(streamOverdue)}, wait, nil,
			"Another member leads: this standby waits to learn whether its WAL goes past the point where the leader's history began."),
		row("S-200", []literal{is(pgStandby), not(following), is(fits), is(mayFollow)}, func(f *facts) Plan {
			return append(f.disarm(), Action{Kind: ActFollow, Epoch: f.epoch(), Peer: f.upstream()})
		}, []ActionKind{ActDisarm, ActFollow},
			"Another member leads: the standby is set to follow it."),
		row("S-210", []literal{is(pgStandby), is(arriving)}, stand, []ActionKind{ActDisarm, ActApply},
			"Following: WAL is streaming from the leader."),
		climbing(row("S-220", []literal{is(pgStandby), is(open), is(streamOverdue), not(paused)}, astray, []ActionKind{ActStop},
			"This standby cannot stream from the leader: it is stopped for the next rung, rewinding or a fresh copy.")),
		row("S-230", []literal{is(pgStandby)}, stand, []ActionKind{ActDisarm, ActApply},
			"Following: waiting for WAL from the leader."),
		row("S-240", nil, wait, nil,
			"Following: PostgreSQL is between two states."),
	}}
}

// astray stops a standby that has to climb a rung.
func astray(f *facts) Plan {
	return Plan{f.stop()}
}
