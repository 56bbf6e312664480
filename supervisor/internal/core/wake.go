// SPDX-License-Identifier: Apache-2.0

package core

// Wake tells when, without any event, the next decision may differ: the earliest of all instants a condition
// compares with, and never later than a second.
func Wake(s State, o Observation, p Policy) Instant {
	next := o.Now.Add(Second)
	at := func(i Instant) {
		if i > o.Now && i < next {
			next = i
		}
	}
	if h := s.Hold; h.Epoch != 0 {
		at(h.RenewedAt.Add(p.RenewEvery()))
		at(h.Deadline.Add(-p.FenceMargin()))
	}
	if o.View != nil {
		at(expiry(s, o.View.Leader.Value, p))
	}
	for _, m := range s.Members {
		at(m.At.Add(p.MemberTTL()))
		if m.Name == p.Self.Name {
			at(m.At.Add(p.BeatEvery()))
		}
	}
	if s.LeftoversSince != 0 {
		at(s.LeftoversSince.Add(p.ReapGrace()))
	}
	for _, r := range s.Retries {
		at(r.NotBefore)
	}
	if s.RaceSince != 0 {
		at(s.RaceSince.Add(p.RaceGrace()))
		at(s.RaceSince.Add(4 * p.RaceGrace()))
		at(s.RaceSince.Add(p.ReturnGrace()))
	}
	return next
}
