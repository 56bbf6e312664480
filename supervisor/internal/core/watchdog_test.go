// SPDX-License-Identifier: Apache-2.0

package core

import "testing"

// Ensure the watchdog is let go only of a PostgreSQL that is known not to be writable, and that it is armed before a
// promotion begins.
func TestWatchdogUntil(t *testing.T) {
	p := Policy{TTL: 30 * Second, Watchdog: 25 * Second}
	hold := Hold{Epoch: 1, RenewedAt: 100, Deadline: Instant(100).Add(30 * Second)}
	running := func(r Role) *Postgres { return &Postgres{Status: StatusRunning, Role: r} }
	for name, c := range map[string]struct {
		state State
		pg    *Postgres
		now   Instant
		want  Instant
	}{
		"primary":             {State{Durable: Durable{OfBoot: OfBoot{Hold: hold}}, Writable: true}, running(RolePrimary), 200, hold.Deadline},
		"primary, overdue":    {State{Durable: Durable{OfBoot: OfBoot{Hold: hold}}, Writable: true}, running(RolePrimary), hold.Deadline, hold.Deadline},
		"primary, deposed":    {State{Writable: true}, running(RolePrimary), 200, LongPast},
		"elected standby":     {State{Durable: Durable{OfBoot: OfBoot{Hold: hold}}}, running(RoleStandby), 200, hold.Deadline},
		"elected, overdue":    {State{Durable: Durable{OfBoot: OfBoot{Hold: hold}}}, running(RoleStandby), hold.Deadline.Add(-p.FenceMargin()), 0},
		"standby":             {State{}, running(RoleStandby), 200, 0},
		"fenced":              {State{Durable: Durable{OfBoot: OfBoot{Hold: hold}}}, &Postgres{Status: StatusCrashed, Empty: true}, 200, 0},
		"not seen yet":        {State{}, nil, 200, LongPast},
		"not seen yet, leads": {State{Durable: Durable{OfBoot: OfBoot{Hold: hold}}}, nil, 200, hold.Deadline},
		"paused":              {State{Durable: Durable{OfBoot: OfBoot{Hold: Hold{Epoch: 1, Deadline: 5, Indefinite: true}}}, Writable: true}, running(RolePrimary), 200, 0},
	} {
		if got := WatchdogUntil(c.state, Observation{Now: c.now, Postgres: c.pg}, p); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// Ensure loop, deadman and watchdog act in this order, and none of them against a renewal that is a little late.
func TestWatchdogOrder(t *testing.T) {
	for _, c := range []struct {
		ttl, watchdog Span
		ordered       bool
	}{
		{30 * Second, 25 * Second, true}, {10 * Second, 5 * Second, true}, {6 * Second, 3 * Second, true},
		{4 * Second, 2 * Second, true}, {3 * Second, Second, false}, {3 * Second, 0, true}, {Second, 0, true},
	} {
		p := Policy{TTL: c.ttl, Watchdog: c.watchdog}
		fence, deadman := p.TTL-p.FenceMargin(), p.TTL-p.DeadmanMargin()
		if fence <= p.RenewEvery()*5/4 || fence >= deadman {
			t.Errorf("ttl %s: renewal %s, fence %s, deadman %s", p.TTL, p.RenewEvery(), fence, deadman)
		}
		if c.ordered && c.watchdog != 0 && deadman >= c.watchdog {
			t.Errorf("ttl %s: deadman %s, watchdog %s", p.TTL, deadman, c.watchdog)
		}
	}
}
