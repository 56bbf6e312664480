// SPDX-License-Identifier: Apache-2.0

package core

// LongPast is an instant that is over on every host that runs.
const LongPast Instant = 1

// WatchdogUntil is what the host's watchdog is told each tick: the end of the leadership while PostgreSQL is or may
// be writable here, or is about to be promoted; LongPast while it may be writable without a leadership, so that the
// device stays armed and is not fed; 0 once it is known not to be writable, or time is not to end it (paused).
// s is the state that Decide returned for o.
func WatchdogUntil(s State, o Observation, p Policy) Instant {
	f := gather(s, o, p)
	switch {
	case s.Hold.Indefinite:
		return 0
	case (o.Postgres == nil || s.Writable) && s.Hold.Epoch == 0:
		return LongPast
	case writable.holds(f), pgStandby.holds(f) && f.holding():
		return s.Hold.Deadline
	}
	return 0
}
