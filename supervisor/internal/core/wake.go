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
		at(h.RenewedAt.Add(p.AskAfter()))
	}
	if o.View != nil {
		at(expiry(s, o.View.Leader.Value, p))
		wakeToElect(s, o, p, at)
	}
	for _, m := range s.Members {
		at(m.At.Add(p.MemberTTL()))
		if m.Name == p.Self.Name {
			at(beatAt(m, o, p))
		}
	}
	if s.LeftoversSince != 0 {
		at(s.LeftoversSince.Add(p.ReapGrace()))
	}
	for _, r := range s.Retries {
		at(r.NotBefore)
	}
	for _, m := range s.Synced {
		at(m.At.Add(p.SyncGrace()))
	}
	if s.RaceSince != 0 {
		at(s.RaceSince.Add(p.RaceGrace()))
		at(s.RaceSince.Add(4 * p.RaceGrace()))
		at(s.RaceSince.Add(p.ReturnGrace()))
		at(s.RaceSince.Add(p.RestartGrace()))
	}
	return next
}

// beatAt is when the own record must be written anew even though no tick for another reason took that along.
func beatAt(own MemberSeen, o Observation, p Policy) Instant {
	if o.View != nil && len(o.View.Cohort.Value.Members) > 0 {
		return own.At.Add(p.BeatEvery())
	}
	return own.At.Add(p.BeatEvery() * 5 / 4)
}

// wakeToElect are the instants of an election. A leader's silence is one only once it has begun: the shell wakes the core then.
func wakeToElect(s State, o Observation, p Policy, at func(Instant)) {
	f := gather(s, o, p)
	if !quorate(o.View) || f.leader.Holder == p.Self.Name {
		return
	}
	if since, patience := f.silence(); o.Now.Sub(since) >= patience/3 {
		at(since.Add(patience))
	}
	if pr := o.Probe; pr.Since != 0 {
		at(max(pr.Since, pr.AnsweredAt).Add(p.ProbeGrace()))
		at(max(pr.Since, pr.AnsweredAt).Add(p.TTL))
	}
	if streaming(&f.pg) {
		at(f.pg.At.Add(p.SuspectAfter - f.pg.Receiver.Silence))
	}
	at(s.Promised.Until)
	at(f.unboundAt())
	if s.VotedAt != 0 {
		at(s.VotedAt.Add(p.BallotGrace()))
		at(s.VotedAt.Add(4 * p.BallotGrace()))
		at(s.VotedAt.Add(Second))
	}
}
