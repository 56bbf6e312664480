// SPDX-License-Identifier: Apache-2.0

// Package status holds what the loop shows to the outside: an immutable Snapshot, swapped in whole, and the
// Requests that come back. Readers never touch the loop, and never wait for it.
package status

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Snapshot is the cluster as this member knows it at one tick. It is never changed after it was published.
type Snapshot struct {
	Cluster, Namespace, Name, Version string
	// Tick counts the loop's turns; At is when this one was taken, on CLOCK_BOOTTIME.
	Tick uint64
	At   core.Instant
	TTL  core.Span
	// Hold is this member's own leadership: zero when it has none. It is to be trusted only until
	// Hold.Deadline, whatever became of the loop.
	Hold core.Hold
	// Postgres and View are the latest observations; nil before the first.
	Postgres *core.Postgres
	View     *core.View
	Deadman  core.Deadman
	Job      *core.Job
	// Reason is why the last plan is what it is, Plan its actions, Recent the last changes of rule, newest last.
	Reason  core.Reason
	Plan    []core.ActionKind
	Recent  []Decision
	Plugins []Plugin
	// DCSSeen is when the DCS last answered, on CLOCK_BOOTTIME and in Unix seconds.
	DCSSeen     core.Instant
	DCSSeenUnix int64
	// DCSLatency is how long it took to answer.
	DCSLatency Latency
	// Stale names the members whose records have not changed for long, by name ascending: their supervisors are
	// taken for dead.
	Stale []string
	// LeaderLive tells whether, by this member's own clock, the leadership in View is in force.
	LeaderLive bool
	Watchdog   Watchdog
	// Heard and Probe are what came from the other supervisors, and from PostgreSQL of one of them. Heartbeats counts datagrams.
	Heard      []core.Heard
	Probe      core.Probe
	Heartbeats Heartbeats
	// Handover is the last hand-over that this member saw.
	Handover Handover
	// Voted is the present epoch if this member has voted in it, or is about to: it receives no WAL. Else 0.
	Voted core.Epoch
}

// LeaderEnd is the greatest position the leader is known to have reached; 0 when none is known.
func (s *Snapshot) LeaderEnd() core.LSN {
	if s.View == nil {
		return 0
	}
	leader := s.View.Leader.Value
	end := max(leader.LSN, s.View.Member(leader.Holder).Value.LSN)
	if s.Postgres != nil {
		end = max(end, s.Postgres.Received)
	}
	return end
}

// Cohort is that of the present epoch; without members, durability is asynchronous.
func (s *Snapshot) Cohort() core.Cohort {
	if s.View == nil || s.View.Cohort.Value.Epoch != s.View.Epoch.Value.Epoch {
		return core.Cohort{}
	}
	return s.View.Cohort.Value
}

// Leads tells whether, at the time of the snapshot, this member's PostgreSQL was the primary by right.
func (s *Snapshot) Leads() bool {
	return s.Hold.Valid(s.At) && s.Postgres != nil && s.Postgres.Role == core.RolePrimary
}

// Decision is one change of mind.
type Decision struct {
	// AtUnixNano is the wall clock, for people.
	AtUnixNano int64
	Epoch      core.Epoch
	Reason     core.Reason
	Plan       []core.ActionKind
}

// Plugin is a plugin process as the host sees it.
type Plugin struct {
	Name, Kind, Version string
	PID                 int
	Up, Healthy         bool
	Restarts            int
	Message             string
}

// Watchdog is the state of /dev/watchdog.
type Watchdog struct {
	Mode  string
	Armed bool
	// Failed says that the device is required and cannot be used: this member may not lead.
	Failed bool
	// Timeout is what the driver made of the timeout, 0 before it was asked; Fires is when the device resets the host unless it
	// is fed, 0 if it does not run or was not fed yet.
	Timeout time.Duration
	Fires   core.Instant
	// LastReset is what the driver says made the host boot; empty when it knows of nothing.
	LastReset string
	// Message is why a device is not used, or what to know of one that is; empty when there is nothing to say.
	Message string
}

// Heartbeats are the datagrams between supervisors since this one was started.
type Heartbeats struct {
	// Authenticated says that there is a secret.
	Authenticated          bool
	Received, Sent, Unsent uint64
	// Dropped, by reason.
	Dropped map[string]uint64
}

// Request is what an operator asks for.
type Request struct {
	// Kind: switchover, failover, reinit, pause or resume.
	Kind string
	// From is the leader the operator believes in (switchover; may be empty), To the candidate (switchover: may
	// be empty; failover: required) or the member to reinitialise.
	From, To string
	// Force lets a failover go ahead though acknowledged commits may be lost, and a switchover though poolers cannot hold clients
	// back.
	Force bool
	// By is who asks, for the record.
	By string
}

// Kinds of requests beyond the operations of core.
const (
	Pause  = "pause"
	Resume = "resume"
)

// Operator takes requests. Submit checks the request against the latest view and writes it to the DCS; it returns
// once it is written. The error tells, in one sentence, why it was refused (errors.As *core.Refusal: 412),
// or that the DCS did not take it (503).
type Operator interface {
	Submit(context.Context, Request) (core.Operation, error)
	// Foresee tells what a switchover would do, without doing anything. The error is a *core.Refusal where another member is
	// to be asked.
	Foresee(Request) (core.Forecast, error)
}
