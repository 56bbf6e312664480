// SPDX-License-Identifier: Apache-2.0

package core

import "testing"

// Ensure a replica's lag is that of the moment of its record, however far the leader has got since.
func TestLagIsOfOneMoment(t *testing.T) {
	s, v := leading(Leader{SentAt: Instant(10 * Second), LSN: 1000})
	replica := Member{Name: "b", Status: StatusRunning, Role: RoleStandby, LSN: 900, Replayed: 700}
	for _, look := range []struct {
		at     Span
		leader LSN
		record Revision
		lag    uint64
	}{
		{11 * Second, 1000, 41, 300},
		{13 * Second, 1000, 43, 300},
		{17 * Second, 9000, 43, 300}, // told anew
		{19 * Second, 9000, 49, 300}, // not told yet
		{23 * Second, 9000, 49, 8300},
	} {
		now := *v
		now.Revision, now.SeenAt = 50+Revision(look.at), Instant(look.at)
		now.Leader.Rev, now.Leader.Value.LSN = now.Revision, look.leader
		now.Members = []Versioned[Member]{{replica, look.record}}
		s, _, _ = Decide(s, Observation{Now: now.SeenAt, WatchdogReady: true, View: &now}, genPolicy())
		if s.Routed == nil || len(s.Routed.Replicas) != 1 || s.Routed.Replicas[0].LagBytes != look.lag {
			t.Errorf("at %s routers were told %+v, want a lag of %d", look.at, s.Routed, look.lag)
		}
	}
}
