// SPDX-License-Identifier: Apache-2.0

package core

// Policy is what the configuration file fixes, validated, with every number in the core's units.
type Policy struct {
	Self Self
	// TTL of the leadership this node takes.
	TTL Span
	// DriftPPM bounds the relative rate error of two hosts' clocks.
	DriftPPM int64
	// Watchdog is how long after a renewal the host's watchdog resets it; 0 where none is used.
	Watchdog Span
	// Quorum asks for quorum durability: SyncStandbys standbys acknowledge each commit; where fewer are fit, fewer do, but
	// never less than MinSync.
	Quorum       bool
	SyncStandbys int
	MinSync      int
	// SuspectAfter is how long a leader's supervisor may be silent before it is suspected.
	SuspectAfter Span
	// MaximumLag is how many bytes behind the last known leader position a candidate may be.
	MaximumLag uint64
	// StopPatience is how long a planned stop may take before it turns immediate.
	StopPatience Span
	// StartTimeout is how long a holder may take to open before it gives the leadership up.
	StartTimeout Span
	// Routers says that there are routers to tell.
	Routers bool
	// Rewind allows pg_rewind; Reclone allows replacing a data directory that cannot be rewound.
	Rewind, Reclone bool
}

// Self is who this supervisor is: the constant part of its member record.
type Self struct {
	Name, Instance, Token string
	API                   string
	Host                  string
	Port                  uint16
	Version               string
	NoFailover            bool
	Priority              int
	Tags                  map[string]string
}

// Derived times. Their relations are what safety and liveness rest on:
//
//	fence margin > time to kill every backend, so that a fenced primary is down before its deadline;
//	deadman margin < fence margin, so that the loop acts first and the kernel only if the loop cannot;
//	both come before the watchdog, which resets the whole host, as far as renewals leave the time for it;
//	renewals come four to a TTL, so that one lost answer costs nothing.

// RenewEvery is the time between two renewals.
func (p Policy) RenewEvery() Span { return p.TTL / 4 }

// FenceMargin is how long before the deadline an unrenewed primary is killed.
func (p Policy) FenceMargin() Span { return p.killTime() + p.watchdogReserve() }

// killTime is what ending every backend may take.
func (p Policy) killTime() Span { return min(max(p.TTL/12, 400*Millisecond), Second) }

// watchdogReserve is by how much the watchdog comes before the deadline. Fencing does not come so early for it that
// a renewal half its interval late would fence.
func (p Policy) watchdogReserve() Span {
	if p.Watchdog == 0 {
		return 0
	}
	return max(min(p.TTL-p.Watchdog, p.TTL*5/8-p.killTime()), 0)
}

// DeadmanMargin is how long before the deadline the kernel timer kills an unrenewed primary.
func (p Policy) DeadmanMargin() Span {
	return min(max(p.TTL/24, 250*Millisecond), 500*Millisecond) + p.watchdogReserve()
}

// BeatEvery is the time between two member records when nothing but positions changed.
func (p Policy) BeatEvery() Span { return min(max(p.TTL*2/3, 500*Millisecond), 5*Second) }

// MemberTTL is the age past which a member record counts as of a dead supervisor.
func (p Policy) MemberTTL() Span { return p.BeatEvery() * 5 / 2 }

// RaceGrace is how long a candidate waits for the other candidates to say where they stand.
func (p Policy) RaceGrace() Span { return 300 * Millisecond }

// ReapGrace is how long the launcher has for ending what a dead postmaster left, before it is fenced.
func (p Policy) ReapGrace() Span { return 150 * Millisecond }

// EndGrace is how long a holder whose primary ended waits to learn where its WAL ends before it gives up without.
func (p Policy) EndGrace() Span { return Second }

// ReturnGrace is how long candidates that lack WAL wait for the released holder, which has it, to come back.
func (p Policy) ReturnGrace() Span { return p.TTL }

// StreamGrace is how long a standby may fail to stream from its leader before the next rung is tried.
func (p Policy) StreamGrace() Span { return max(p.TTL, 5*Second) }

// BeatInterval is the time between two heartbeats to the other supervisors.
func (p Policy) BeatInterval() Span { return 200 * Millisecond }

// ProbeAfter is the silence of a leader's supervisor after which its PostgreSQL is asked.
func (p Policy) ProbeAfter() Span { return p.SuspectAfter / 3 }

// ProbeGrace is how long a PostgreSQL may take to answer that it is there.
func (p Policy) ProbeGrace() Span { return 300 * Millisecond }

// BallotGrace is how long a recruit waits for those that may have more WAL.
func (p Policy) BallotGrace() Span { return 200 * Millisecond }

// RestartGrace is how long a leader that gave up leaves PostgreSQL stopped for the others to elect one of them: it would
// most often be started in vain.
func (p Policy) RestartGrace() Span { return Second }

// SyncGrace is how long a synchronous standby may be away before the leader does without it.
func (p Policy) SyncGrace() Span { return max(p.TTL, 2*Second) }

// AskAfter is how long after the last renewal a leader asks its cohort for promises: once a renewal is overdue, and long
// enough before it would be fenced.
func (p Policy) AskAfter() Span {
	fenced := p.TTL.shorter(p.DriftPPM) - p.FenceMargin()
	return p.RenewEvery() + (fenced-p.RenewEvery())/3
}

// PromiseSpan is for how long a leader asks to be promised: until it would be fenced, and three heartbeats more. Longer promises
// would keep others from taking over from a leader that speaks and hears nothing. Never more than a TTL.
func (p Policy) PromiseSpan() Span {
	return min(p.TTL, p.FenceMargin()+max(p.RenewEvery(), 3*p.BeatInterval()))
}

// OperationTimeout is how long an operation may stay pending once its executor has seen it.
func (p Policy) OperationTimeout() Span { return 60 * Second }

// viewTTL is the age past which a picture of the DCS is no ground for acting.
func (p Policy) viewTTL() Span { return p.TTL }
