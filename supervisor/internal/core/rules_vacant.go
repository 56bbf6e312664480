// SPDX-License-Identifier: Apache-2.0

package core

// taking is the plan of a rule that takes the leadership.
func taking(id RuleID) func(*facts) Plan {
	return func(f *facts) Plan { return Plan{f.take(id)} }
}

var takes = []ActionKind{ActCommit}

// vacantRules: there is no leader: none yet, or released, or its time is over by our own clock.
func vacantRules() section {
	return section{"vacant", []literal{not(live)}, []rule{
		{"V-010", []literal{not(viewOwn)}, wait, nil,
			"No leader, by a picture older than our own last write: it is read again first."},
		{"V-020", []literal{is(jobRunning)}, wait, nil,
			"No leader: the action under way goes on."},
		{"V-030", []literal{not(pgKnown)}, wait, nil,
			"No leader: waiting to learn how PostgreSQL is here."},
		{"V-040", []literal{is(pgLeftovers)}, fence, []ActionKind{ActFence},
			"No leader: PostgreSQL left processes behind, they are ended before it stands for election."},
		{"V-050", []literal{is(identityForeign)}, wait, nil,
			"No leader, and the data directory here belongs to another cluster: a person must decide."},
		{"V-060", []literal{is(lapsedOurs)}, func(f *facts) Plan { return Plan{f.renew()} }, []ActionKind{ActCommit},
			"The leader record is still ours: it is renewed, so that the leadership can go on or be given up properly."},
		{"V-070", []literal{is(paused), not(named)}, wait, nil,
			"No leader, and the cluster is paused: nobody takes over unless an operator names them."},
		{"V-080", []literal{is(pgDown), is(mayStart)}, startAlone, []ActionKind{ActStart},
			"No leader: PostgreSQL is started as a standby, to learn where its WAL ends and stand for election."},
		{"V-090", []literal{is(formerLife)}, wait, nil,
			"This member led before its host was restarted: its old leadership has to run out first."},
		{"V-100", []literal{is(pgAbsent), not(identityMissing)}, wait, nil,
			"No leader, and no data here: waiting for a member that has it."},
		{"V-110", []literal{is(pgAbsent), is(othersHave)}, wait, nil,
			"New cluster: another member has data already, it goes first."},
		{"V-120", []literal{is(nofailover), not(named)}, wait, nil,
			"No leader, and this member is tagged nofailover: it does not stand for election."},
		{"V-130", []literal{not(watchdogReady)}, wait, nil,
			"No leader, but the watchdog is required and cannot be used here: this member does not stand for election."},
		{"V-140", []literal{is(pgAbsent)}, taking("V-140"), takes,
			"New cluster: this member takes the first leadership and makes the database cluster."},
		{"V-150", []literal{not(pgStandby)}, wait, nil,
			"No leader, and PostgreSQL does not run here: this member cannot stand for election."},
		{"V-160", []literal{is(identityMissing), not(dataKnown)}, wait, nil,
			"New cluster, but the standby here comes from elsewhere: it is not promoted. Start it as a primary to adopt it."},
		{"V-170", []literal{is(named)}, taking("V-170"), takes,
			"The operator named this member: it takes over."},
		{"V-180", []literal{is(madeRoom)}, wait, nil,
			"The leader made room for another member: it goes first."},
		{"V-190", []literal{is(complete)}, taking("V-190"), takes,
			"The leader gave up, and all of its WAL is here: this member takes over at once."},
		{"V-200", []literal{is(released), is(returnGrace)}, wait, nil,
			"The leader gave up with WAL that is not here: it has its time to come back with it."},
		{"V-210", []literal{is(tooFarBehind)}, wait, nil,
			"No leader, but this member is further behind it than maximum_lag_on_failover: it does not take over."},
		{"V-220", []literal{is(raceOpen)}, wait, nil,
			"No leader: the other candidates are heard before the best one takes over."},
		{"V-230", []literal{not(best), not(secondChance)}, wait, nil,
			"No leader: another candidate has more WAL or a higher priority, it goes first."},
		{"V-240", nil, taking("V-240"), takes,
			"The leader's time is over, and this member is the best candidate: it takes over."},
	}}
}
