// SPDX-License-Identifier: Apache-2.0

package observe

import "time"

// silence tells for how long a receiver has heard nothing. PostgreSQL dates the last message by the wall clock, which may be set:
// what was seen of that date, on a clock that nobody sets, bounds what it can mean.
type silence struct {
	stamp int64 // date of the last message
	// known is when that date was first seen, before is the look before that: the message came in between. looked is the last look.
	known, before, looked time.Time
}

// of is the silence at now, where the wall clock claims one since a message of a date.
func (s *silence) of(stamp int64, claimed time.Duration, now time.Time) time.Duration {
	if stamp != s.stamp || s.known.IsZero() {
		s.stamp, s.known, s.before = stamp, now, s.looked
	}
	s.looked = now
	out := max(claimed, now.Sub(s.known))
	if !s.before.IsZero() {
		out = min(out, now.Sub(s.before))
	}
	return out
}
