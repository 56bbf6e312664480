// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// There is no time: it is always now, and every instant that a state remembers is one of few. An event, not a clock, makes
// what is fresh old and what is still to come over, on one node, at any moment. So whatever rests on time may go wrong.
const (
	now   = core.Instant(1000 * core.Second)
	fresh = now - 1
	due   = now - core.Instant(ttl/4) - 1
	past  = core.Instant(core.Second)
	later = now + core.Instant(1000*core.Second)

	ttl = 3 * core.Second
)

// class is the one instant that stands for all that are alike.
func class(i core.Instant) core.Instant {
	switch {
	case i == 0 || i == due:
		return i
	case i > now:
		return later
	case i >= now-core.Instant(core.Second/2):
		return fresh
	}
	return past
}

// instants are those of a state that only their class matters of.
func instants(s *core.State) []*core.Instant {
	out := []*core.Instant{
		&s.Hold.RenewedAt, &s.Hold.Deadline, &s.Awake, &s.Promised.Until, &s.LeaderSeen.At, &s.LedSince, &s.VotedAt, &s.Claim.Since,
		&s.Ladder.Since, &s.RaceSince, &s.Operation.At, &s.HungSince, &s.LeftoversSince, &s.EndlessSince,
	}
	for i := range s.Members {
		out = append(out, &s.Members[i].At)
	}
	for i := range s.Synced {
		out = append(out, &s.Synced[i].At)
	}
	return out
}

// canonical forgets of a state what makes no difference to anything that is checked: counters, texts, back-offs, and of
// instants all but their class.
func canonical(s core.State) core.State {
	s.Members, s.Synced = slices.Clone(s.Members), slices.Clone(s.Synced)
	after := s.LeaderSeen.At > s.LastJobEnd
	for _, i := range instants(&s) {
		*i = class(*i)
	}
	// The order of these two is asked for, of one whose data were replaced.
	s.LastJobEnd = s.LeaderSeen.At
	if after || !s.Lacking {
		s.LastJobEnd--
	}
	// How long a ballot stands is waited for to let better ones come, or a leader return; not for safety.
	if s.VotedAt != 0 {
		s.VotedAt = past
	}
	s.Retries, s.Routed, s.RoutedAt, s.TakenBy, s.TakenWhy, s.Answered = nil, nil, 0, "", "", core.Answered{}
	return s
}

// aged is a state after a long time in which nothing was heard or read anew. A leadership is left alone.
func aged(s core.State) core.State {
	hold := s.Hold
	s = canonical(s)
	after := s.LeaderSeen.At > s.LastJobEnd
	for _, i := range instants(&s) {
		if *i != 0 {
			*i = past
		}
	}
	s.LastJobEnd = s.LeaderSeen.At
	if after {
		s.LastJobEnd--
	}
	s.Hold = hold
	return s
}
