// SPDX-License-Identifier: Apache-2.0

package core

// taking takes the leadership.
func taking(f *facts) Plan { return Plan{f.take()} }

var takes = []ActionKind{ActCommit}

// vacantRules: there is no leader: none yet, or released, or its time is over by our own clock.
func vacantRules() section {
	return section{"vacant", []literal{not(live)}, []rule{
		row("V-010", []literal{not(viewOwn)}, wait, nil,
			"No leader, by a picture older than our own last write: it is read again first."),
		row("V-020", []literal{is(jobRunning)}, wait, nil,
			"No leader: the action under way goes on."),
		row("V-030", []literal{not(pgKnown)}, wait, nil,
			"No leader: waiting to learn how PostgreSQL is here."),
		row("V-040", []literal{is(pgLeftovers)}, fence, []ActionKind{ActFence},
			"No leader: PostgreSQL left processes behind, they are ended before it stands for election."),
		row("V-050", []literal{is(identityForeign)}, wait, nil,
			"No leader, and the data directory here belongs to another cluster: a person must decide."),
		row("V-060", []literal{is(lapsedOurs)}, func(f *facts) Plan { return Plan{f.renew()} }, []ActionKind{ActCommit},
			"The leader record is still ours: it is renewed, so that the leadership can go on or be given up properly."),
		row("V-070", []literal{is(paused), not(named)}, wait, nil,
			"No leader, and the cluster is paused: nobody takes over unless an operator names them."),
		row("V-080", []literal{is(pgDown), is(mayStart), is(standsAlone)}, startAlone, []ActionKind{ActStart},
			"No leader: PostgreSQL is started as a standby, to learn where its WAL ends and stand for election."),
		row("V-090", []literal{is(formerLife)}, wait, nil,
			"This member led before its host was restarted: its old leadership has to run out first."),
		row("V-100", []literal{is(pgAbsent), not(identityMissing)}, wait, nil,
			"No leader, and no data here: waiting for a member that has it."),
		row("V-110", []literal{is(pgAbsent), is(othersHave)}, wait, nil,
			"New cluster: another member has data already, it goes first."),
		row("V-120", []literal{is(nofailover), not(named)}, wait, nil,
			"No leader, and this member is tagged nofailover: it does not stand for election."),
		row("V-130", []literal{not(watchdogReady)}, wait, nil,
			"No leader, but the watchdog is required and cannot be used here: this member does not stand for election."),
		row("V-140", []literal{is(pgAbsent), is(mayBootstrap)}, taking, takes,
			"New cluster: this member takes the first leadership and makes the database cluster."),
		row("V-150", []literal{not(pgStandby)}, wait, nil,
			"No leader, and PostgreSQL does not run here: this member cannot stand for election."),
		row("V-160", []literal{is(identityMissing), not(dataKnown)}, wait, nil,
			"New cluster, but the standby here comes from elsewhere: it is not promoted. Start it as a primary to adopt it."),
		row("V-170", []literal{is(named)}, taking, takes,
			"The operator named this member: it takes over."),
		row("V-180", []literal{is(madeRoom)}, wait, nil,
			"The leader made room for another member: it goes first."),
		row("V-190", []literal{is(complete)}, taking, takes,
			"The leader gave up, and all of its WAL is here: this member takes over at once."),
		row("V-200", []literal{is(released), is(returnGrace)}, wait, nil,
			"The leader gave up with WAL that is not here: it has its time to come back with it."),
		row("V-210", []literal{is(tooFarBehind)}, wait, nil,
			"No leader, but this member is further behind it than maximum_lag_on_failover: it does not take over."),
		row("V-220", []literal{is(raceOpen)}, wait, nil,
			"No leader: the other candidates are heard before the best one takes over."),
		row("V-230", []literal{not(best), not(secondChance)}, wait, nil,
			"No leader: another candidate has more WAL or a higher priority, it goes first."),
		row("V-240", nil, taking, takes,
			"The leader's time is over, and this member is the best candidate: it takes over."),
	}}
}
