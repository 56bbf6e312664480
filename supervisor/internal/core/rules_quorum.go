// SPDX-License-Identifier: Apache-2.0

package core

// quorumRules: with quorum durability, the leader has released, is suspected, or a ballot of ours stands. No time is waited
// for: enough members that stopped receiving are proof that nothing more can be acknowledged.
func quorumRules() section {
	return section{"quorum", []literal{is(electing)}, []rule{
		row("R-010", []literal{not(viewOwn)}, wait, nil,
			"Electing, by a picture older than our own last write: it is read again first."),
		row("R-020", []literal{is(jobRunning)}, wait, nil,
			"Electing: the action under way goes on."),
		row("R-030", []literal{not(pgKnown)}, wait, nil,
			"Electing: waiting to learn how PostgreSQL is here."),
		row("R-040", []literal{is(pgLeftovers)}, fence, []ActionKind{ActFence},
			"Electing: PostgreSQL left processes behind, they are ended first."),
		row("R-050", []literal{is(identityForeign)}, wait, nil,
			"Electing, and the data directory here belongs to another cluster: a person must decide."),
		row("R-060", []literal{is(lapsedOurs)}, func(f *facts) Plan { return Plan{f.renew()} }, []ActionKind{ActCommit},
			"The leader record is still ours: it is renewed, so that the leadership can go on or be given up properly."),
		row("R-070", []literal{is(voted), is(leaderBack)}, func(f *facts) Plan { return Plan{f.withdraw()} }, []ActionKind{ActCommit},
			"The leader that this member voted against is there after all: the ballot is withdrawn, before PostgreSQL follows again."),
		row("R-080", []literal{is(voted), not(quorum)}, func(f *facts) Plan { return Plan{f.withdraw()} }, []ActionKind{ActCommit},
			"The cluster has given up quorum durability: the ballot is withdrawn."),
		row("R-090", []literal{is(paused), not(failoverAsked)}, wait, nil,
			"No leader, and the cluster is paused: nobody takes over unless an operator asks for it."),
		row("R-100", []literal{is(pgDown), is(mayStart)}, startAlone, []ActionKind{ActStart},
			"Electing: PostgreSQL is started as a standby of nobody, to learn where its WAL ends."),
		row("R-110", []literal{is(formerLife)}, wait, nil,
			"This member led before its host was restarted: its old leadership has to run out first."),
		row("R-120", []literal{not(pgStandby)}, wait, nil,
			"Electing, and PostgreSQL does not run here: this member has no vote."),
		row("R-130", []literal{is(named), is(forced)}, taking, takes,
			"The operator named this member and accepts that acknowledged commits may be lost: it takes over."),
		row("R-140", []literal{is(nofailover), not(named)}, wait, nil,
			"Electing, and this member is tagged nofailover: it has no vote."),
		row("R-150", []literal{is(madeRoom)}, wait, nil,
			"The leader made room for another member: it goes first."),
		row("R-160", []literal{is(complete), is(watchdogReady)}, taking, takes,
			"The leader gave up, and all of its WAL is here: this member takes over at once."),
		row("R-170", []literal{not(elector)}, wait, nil,
			"Electing, but this member has no vote: it is not of the cohort, or may lack what it once acknowledged."),
		row("R-180", []literal{is(bound)}, wait, nil,
			"Electing: a promise that this member gave, or may have given before its host was restarted, has to run out first."),
		row("R-190", []literal{not(detached), is(mayDetach)}, detach, []ActionKind{ActDetach},
			"The leader is gone, or suspected: PostgreSQL here stops receiving for good, so that its word counts."),
		row("R-200", []literal{not(detached)}, wait, nil,
			"Electing: waiting before PostgreSQL can be detached again."),
		row("R-210", []literal{is(olderDisk)}, wait, nil,
			"Electing, but the data here is older than what this member once had: it has no vote until it has regained it."),
		row("R-220", []literal{not(ballotCast)}, func(f *facts) Plan { return Plan{f.vote()} }, []ActionKind{ActCommit},
			"PostgreSQL here receives nothing more: this member says where it stands."),
		row("R-230", []literal{not(enough)}, wait, nil,
			"Electing: ballots of more members are needed."),
		row("R-240", []literal{not(watchdogReady)}, wait, nil,
			"Enough members have voted, but the watchdog is required and cannot be used here: another one has to lead."),
		row("R-250", []literal{is(betterComes)}, wait, nil,
			"Enough members have voted: one with more WAL goes first, or may still come."),
		row("R-260", nil, taking, takes,
			"Enough members have stopped receiving, and nothing they have is missing here: this member takes over."),
	}}
}

func detach(f *facts) Plan { return Plan{{Kind: ActDetach, Epoch: f.epoch()}} }
