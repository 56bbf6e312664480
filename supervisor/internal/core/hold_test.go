// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"testing"
)

// leading is a leadership of member a as of 10 s, and the picture that shows it.
func leading(l Leader) (State, *View) {
	l.Holder, l.Token, l.Epoch, l.TTL, l.Renewal = "a", "t-a", 3, 3*Second, 7
	v := &View{
		Revision: 40, SeenAt: Instant(11 * Second), Epoch: Versioned[EpochRecord]{EpochRecord{Epoch: 3, Timeline: 4}, 20},
		Leader: Versioned[Leader]{l, 40}, Config: Versioned[Config]{Config{Paused: l.Paused}, 10}, Identity: Versioned[Identity]{Identity{SystemID: 7}, 1},
	}
	return State{Durable: Durable{OfBoot{Hold: newHold(l, 20, 40, genPolicy()), Promoted: 3}, OfDisk{SystemID: 7}}}, v
}

// Ensure a supervisor that was restarted in a pause does not end the pause before it has read the DCS.
func TestRestartInPause(t *testing.T) {
	s, _ := leading(Leader{SentAt: Instant(10 * Second), Paused: true})
	_, plan, r := Decide(s, Observation{Now: Instant(20 * Second), WatchdogReady: true}, genPolicy())
	for _, a := range plan {
		if a.Commit != nil && a.Commit.Leader() != nil && !a.Commit.Leader().Paused {
			t.Errorf("%s writes %+v", r.Rule, *a.Commit.Leader())
		}
	}
}

// Ensure a leadership that is recognised in a picture counts from when the write there was sent, whatever was sent since.
func TestAdoptedDeadline(t *testing.T) {
	sent := Instant(10 * Second)
	_, v := leading(Leader{SentAt: sent})
	late := v.Leader.Value
	late.SentAt = sent.Add(900 * Millisecond) // the same number, sent again, without an answer
	o := Observation{Now: Instant(11 * Second), WatchdogReady: true, View: v, Committed: []Committed{{Purpose: CommitLeader, Outcome: OutcomeUnknown, Leader: &late}}}
	s, _, _ := Decide(State{Durable: Durable{OfDisk: OfDisk{SystemID: 7}}}, o, genPolicy())
	if want := sent.Add(genPolicy().TTL.shorter(genPolicy().DriftPPM)); s.Hold.Epoch != 3 || s.Hold.Deadline != want {
		t.Errorf("epoch %d until %s, want 3 until %s", s.Hold.Epoch, s.Hold.Deadline.Sub(0), want.Sub(0))
	}
}

// Ensure a promotion begun by a former process counts as writable until its postmaster is gone.
func TestPromotionOutlivesProcess(t *testing.T) {
	s, v := leading(Leader{SentAt: Instant(10 * Second)})
	s.PromotedPID = 99
	o := Observation{Now: Instant(11 * Second), WatchdogReady: true, View: v, Postgres: &Postgres{At: Instant(11 * Second), Status: StatusRunning, Role: RoleStandby, PostmasterPID: 99, SystemID: 7}}
	s, plan, r := Decide(s, o, genPolicy())
	if !s.Writable {
		t.Errorf("%s takes it for a standby", r.Rule)
	}
	for _, a := range plan {
		if a.Commit != nil && a.Commit.Leader() != nil && a.Commit.Leader().Released {
			t.Errorf("%s releases", r.Rule)
		}
	}
}

// Ensure neither other members nor routers are told of a restart: what the former process said stands until there is more to say.
func TestRestartIsSilent(t *testing.T) {
	s, v := leading(Leader{SentAt: Instant(10 * Second)})
	own := Member{Name: "a", Token: "t-a", Status: StatusRunning, Role: RolePrimary, SystemID: 7}
	v.Members = []Versioned[Member]{{own, 39}}
	look := func(at Span, pg *Postgres) (says bool) {
		now := *v
		now.SeenAt = Instant(at)
		var plan Plan
		s, plan, _ = Decide(s, Observation{Now: now.SeenAt, WatchdogReady: true, View: &now, Postgres: pg}, genPolicy())
		return slices.ContainsFunc(plan, func(a Action) bool { return a.Commit != nil && a.Commit.Purpose == CommitMember })
	}
	if look(11*Second, nil) || s.Routed != nil {
		t.Errorf("says more than it knows; routers were told %+v", s.Routed)
	}
	known := s
	look(12*Second, &Postgres{At: Instant(12 * Second), Status: StatusRunning, Role: RolePrimary, SystemID: 7})
	if s.Routed == nil || s.Routed.Primary == nil || s.Routed.OwnRole != RolePrimary {
		t.Errorf("routers were told %+v", s.Routed)
	}
	s = known
	if !look(11*Second+genPolicy().MemberTTL(), nil) || s.Routed == nil || s.Routed.Primary != nil {
		t.Errorf("after a long time without a word of PostgreSQL routers were told %+v", s.Routed)
	}
}
