// SPDX-License-Identifier: Apache-2.0

package core

import "cmp"

// standing is what a candidate is ranked by. It is never ranked by timeline number, which two histories may share.
type standing struct {
	epoch    Epoch // of the last WAL
	lsn      LSN
	lag      LSN // received but not replayed
	priority int
	name     string
}

// compareStandings orders better candidates first. It is total: only one member is best, on every node.
func compareStandings(a, b standing) int {
	return cmp.Or(
		cmp.Compare(b.epoch, a.epoch),
		cmp.Compare(b.lsn, a.lsn),
		cmp.Compare(a.lag, b.lag),
		cmp.Compare(b.priority, a.priority),
		cmp.Compare(a.name, b.name),
	)
}

func standingOf(m Member) standing {
	s := standing{epoch: m.WalEpoch, lsn: m.LSN, priority: m.Priority, name: m.Name}
	if m.LSN > m.Replayed {
		s.lag = m.LSN - m.Replayed
	}
	return s
}

// rivals are the other live members that may lead.
func (f *facts) rivals() []Member {
	var out []Member
	for _, m := range f.view.Members {
		r := m.Value
		if r.Name != f.p.Self.Name && r.Name != f.deadLeader() && !r.NoFailover && f.alive(r.Name) &&
			r.Status == StatusRunning && r.Role == RoleStandby {
			out = append(out, r)
		}
	}
	return out
}

// deadLeader is the holder whose leadership ran out; a released one may stand again.
func (f *facts) deadLeader() string {
	if f.leader.Released {
		return ""
	}
	return f.leader.Holder
}

// raceOpen: some rival has not said yet where it stands for this race, and there is still time to wait.
func (f *facts) raceOpen() bool {
	if f.o.Now.Sub(f.s.RaceSince) >= f.p.RaceGrace() {
		return false
	}
	if !f.view.Epoch.Exists() {
		return false
	}
	for _, r := range f.rivals() {
		if r.Race != f.view.Epoch.Value.Epoch {
			return true
		}
	}
	return false
}

// best: no rival that stands in this race ranks before us.
func (f *facts) best() bool {
	own := standingOf(f.self())
	for _, r := range f.rivals() {
		if r.Race == f.view.Epoch.Value.Epoch && compareStandings(standingOf(r), own) < 0 {
			return false
		}
	}
	return true
}

// complete: the leader was released at a known end of WAL, and we have it all: of the same history, and that far.
func (f *facts) complete() bool {
	return f.leader.Released && f.leader.FinalLSN && f.hasAll(f.position())
}

// hasAll: WAL up to a position includes all of the released leader's: it is of the timeline that one epoch alone wrote on.
func (f *facts) hasAll(p Position) bool {
	return p.Timeline == f.leader.Timeline && p.LSN >= f.leader.LSN
}

// inReturnGrace: the released leader, which has all its WAL, is alive and may stand again.
func (f *facts) inReturnGrace() bool {
	return f.leader.Holder != f.p.Self.Name && f.alive(f.leader.Holder) && f.o.Now.Sub(f.s.RaceSince) < f.p.ReturnGrace()
}

// madeRoomForOther: the leader was released for a member that is not us, is alive, and has had no time yet; unless that
// member says that it did not receive all of the leader's WAL.
func (f *facts) madeRoomForOther() bool {
	to := f.leader.Successor
	if !f.leader.Released || to == "" || to == f.p.Self.Name || !f.alive(to) || f.o.Now.Sub(f.s.RaceSince) >= f.p.ReturnGrace() {
		return false
	}
	m := f.view.Member(to).Value
	return !f.leader.FinalLSN || m.Race != f.view.Epoch.Value.Epoch || f.hasAll(Position{m.Timeline, m.LSN})
}

// tooFarBehind: further behind the leader's last known position than the policy allows.
func (f *facts) tooFarBehind() bool {
	return f.leader.LSN > f.pg.LSN && uint64(f.leader.LSN-f.pg.LSN) > f.p.MaximumLag
}

// forked: the leader's history left the common line before the end of our WAL, as far as the history of epochs goes back.
func (f *facts) forked() bool {
	for tl := f.leaderTimeline(); tl > f.pg.Timeline; {
		h := f.historyOf(tl)
		switch {
		case h.SwitchLSN == 0 || h.Parent == 0:
			return false // not known
		case f.pg.LSN > h.SwitchLSN, h.Parent < f.pg.Timeline:
			return true
		}
		tl = h.Parent
	}
	return false
}

// leaderTimeline is the one the leader opened in its epoch; 0 while that is not known.
func (f *facts) leaderTimeline() Timeline {
	for _, h := range f.view.History {
		if h.Value.Epoch == f.leader.Epoch {
			return h.Value.Timeline
		}
	}
	return 0
}

// historyOf is the record of the epoch that wrote on a timeline; zero when there is none.
func (f *facts) historyOf(tl Timeline) History {
	for _, h := range f.view.History {
		if h.Value.Timeline == tl {
			return h.Value
		}
	}
	return History{}
}

// fits: the WAL here ends, for sure, where the leader's history still is the same. A standby that is past that point would claim
// to have what the leader writes there. Only who waits for standbys cares.
func (f *facts) fits() bool {
	e := f.view.Epoch.Value
	switch {
	case !quorate(f.o.View) || f.s.Lacking || f.pg.Timeline >= e.Timeline:
		return true // what was rewound or copied claims no more than the leader had
	case f.pg.LSN == 0:
		return false
	}
	for _, h := range f.view.History {
		if h.Value.Epoch == e.Epoch {
			return f.pg.LSN <= h.Value.SwitchLSN
		}
	}
	return f.leader.Epoch == e.Epoch && f.leader.Timeline < e.Timeline && !(Position{f.leader.Timeline, f.leader.LSN}).before(f.position())
}

// rewindDue: the data was a primary's, or does not fit the leader's history, and has not been rewound to it.
func (f *facts) rewindDue() bool {
	return !f.s.Ladder.Rewound && (f.s.Ladder.Rung == RungRewind || f.down() && (f.pg.Role != RoleStandby || quorate(f.o.View) && f.forked()))
}
