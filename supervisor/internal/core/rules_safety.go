// SPDX-License-Identifier: Apache-2.0

package core

func wait(*facts) Plan { return nil }

func fence(f *facts) Plan { return Plan{{Kind: ActFence, Epoch: f.epoch()}} }

func exit(f *facts) Plan { return Plan{{Kind: ActExit, Epoch: f.epoch()}} }

// fenceRules: PostgreSQL may accept writes and the leadership is not ours, or not for long enough any more.
func fenceRules() section {
	return section{"fence", []literal{is(writable), not(holding)}, []rule{
		row("F-010", []literal{is(held)}, fence, []ActionKind{ActFence},
			"The leadership could not be renewed in time: PostgreSQL is killed before another member may lead."),
		row("F-020", []literal{not(viewed)}, wait, nil,
			"PostgreSQL runs as a primary and nothing is known of the cluster yet: its deadman is left to judge until the DCS is read."),
		row("F-025", []literal{not(clusterBorn), is(stopping)}, exit, []ActionKind{ActExit},
			"Stopping: the primary here was not taken over, and is left alone."),
		row("F-030", []literal{not(clusterBorn), is(pgPrimary), is(claimed), is(watchdogReady)}, taking, []ActionKind{ActCommit},
			"A running primary is taken over as the first leader of a new cluster, without a restart."),
		row("F-040", []literal{not(clusterBorn)}, wait, nil,
			"A running primary waits to become the first leader of a new cluster."),
		row("F-042", []literal{is(identityForeign), is(stopping)}, exit, []ActionKind{ActExit},
			"Stopping: the primary here is of another database system than the cluster, and is left alone."),
		row("F-044", []literal{is(identityForeign)}, wait, nil,
			"The primary here is of another database system than the cluster: it is left alone, a person must decide."),
		row("F-045", []literal{is(identityMissing), is(stopping)}, exit, []ActionKind{ActExit},
			"Stopping: the cluster is not tied to a database system yet, and the primary here, which never led it, is left alone."),
		row("F-046", []literal{is(identityMissing)}, wait, nil,
			"Another member leads, or led last, a cluster that is not tied to a database system yet: the primary here is left alone."),
		row("F-050", nil, fence, []ActionKind{ActFence},
			"Another member leads, or led last: PostgreSQL must not be writable here and is killed."),
	}}
}

// shutdownRules: the supervisor was asked to stop PostgreSQL and end.
func shutdownRules() section {
	stop := func(f *facts) Plan { return Plan{f.stop()} }
	return section{"shutdown", []literal{is(stopping)}, []rule{
		row("Q-010", []literal{is(jobRunning), is(holding)}, (*facts).keep, []ActionKind{ActCommit, ActArm, ActDisarm},
			"Stopping: the action under way is let finish first."),
		row("Q-020", []literal{is(holding), is(pgDown), not(writable)}, func(f *facts) Plan { return Plan{f.release()} }, []ActionKind{ActCommit},
			"Stopping: PostgreSQL is down, the leadership is given up."),
		row("Q-030", []literal{is(holding), is(pgAbsent), not(writable)}, func(f *facts) Plan { return Plan{f.release()} }, []ActionKind{ActCommit},
			"Stopping: there is no PostgreSQL here, the leadership is given up."),
		row("Q-040", []literal{is(holding)}, func(f *facts) Plan { return append(f.keep(), stop(f)...) }, []ActionKind{ActCommit, ActArm, ActDisarm, ActStop},
			"Stopping: PostgreSQL is shut down in order, then the leadership is given up."),
		row("Q-050", []literal{is(jobRunning)}, wait, nil,
			"Stopping: the action under way is ended first."),
		row("Q-060", []literal{not(pgKnown)}, wait, nil,
			"Stopping: waiting to learn how PostgreSQL is."),
		row("Q-070", []literal{not(pgDown), not(pgAbsent), not(pgUnusable)}, stop, []ActionKind{ActStop},
			"Stopping: PostgreSQL is shut down."),
		row("Q-080", nil, exit, []ActionKind{ActExit},
			"Stopped."),
	}}
}

// blindRules: nothing fresh is known of the DCS, and no leadership is in force here.
func blindRules() section {
	return section{"blind", []literal{not(viewFresh)}, []rule{
		row("N-010", []literal{is(jobRunning)}, wait, nil,
			"The DCS cannot be reached: the action under way goes on."),
		row("N-020", []literal{is(pgLeftovers)}, fence, []ActionKind{ActFence},
			"The DCS cannot be reached, and PostgreSQL left processes behind: they are ended."),
		row("N-030", []literal{is(pgKnown), is(pgDown), is(dataKnown), is(mayStart), is(standsAlone)}, startAlone, []ActionKind{ActStart},
			"The DCS cannot be reached: PostgreSQL serves reads as a standby of nobody."),
		row("N-040", nil, (*facts).disarm, []ActionKind{ActDisarm},
			"The DCS cannot be reached: everything is left as it is."),
	}}
}

// claimRules: this supervisor's name is not known to be its own yet.
func claimRules() section {
	return section{"claim", []literal{not(claimed)}, []rule{
		row("C-010", []literal{is(duplicate)}, func(f *facts) Plan {
			return Plan{{Kind: ActRefuse, Epoch: f.epoch(), Message: "another supervisor runs under the name " + f.p.Self.Name + " at " + f.view.Member(f.p.Self.Name).Value.API + ": give each member its own name"}}
		}, []ActionKind{ActRefuse},
			"Another supervisor with this member's name is alive: this one must not act."),
		row("C-020", nil, wait, nil,
			"A member record of another installation bears this name: waiting for a TTL to see whether it is alive."),
	}}
}

// startAlone starts a standby of nobody.
func startAlone(f *facts) Plan { return Plan{{Kind: ActStart, Epoch: f.epoch()}} }
