// SPDX-License-Identifier: Apache-2.0

// Package core decides what a member of the cluster does. It is pure: Decide takes what is remembered, what is observed and
// what is configured, and returns what to remember, what to do and why. It reads no clock, waits for nothing, logs nothing
// and imports nothing that could.
//
// # The invariant
//
// With asynchronous durability, at any time at most one PostgreSQL of the cluster accepts writes, and only while its member's
// leadership is in force. It rests on four rules, each with one place in the code:
//
//   - A leadership is in force until the deadline that its last successful renewal proves, counted on this host's clock from
//     before the renewal was sent (newHold). Nobody takes over before a TTL has passed, on their clock, since they first saw that
//     renewal (expiry). Both allow for clocks that run at slightly different rates. A shorter TTL is counted by before it is said
//     (observedTTL, ttlToSay).
//   - A leadership is given up only when PostgreSQL is proven not to be writable (State.Writable, the holder's rules that release).
//   - PostgreSQL becomes writable only by ActPromote, which is decided only while the leadership is in force and the deadman is
//     armed. From the decision on it counts as writable, until its process is gone (observedPostgres).
//   - A PostgreSQL that may be writable without a leadership in force is killed (fenceRules, the first section of the table).
//
// With quorum durability, at any time at most one PostgreSQL of the cluster acknowledges commits, and each has all that was acknowledged
// before. A replaced one may still accept writes, which hang, until it is fenced. It rests on these:
//
//   - What PostgreSQL waits for covers the cohort, in every process that can release a commit (SyncSet.covers; nextCohort and
//     syncSet take the steps).
//   - A ballot is cast only by a member that receives nothing, has lost nothing and promised nothing (quorumRules), and neither
//     follows nor promises until it is withdrawn or the epoch is over (anotherLeads, promise).
//   - A take-over compares all that it rests on: epoch, cohort, and the ballots of all but k of it, or a released leader of
//     whose WAL nothing is missing (grounds).
//   - No standby that the leader waits for claims more than the leader's own history (fits).
//
// # What the shell owes the core
//
//   - Observations are true, if old: a View is one the store really showed, a Postgres report was true at its instant At or later,
//     a Finished or Committed tells of an action that really ended, with an instant no later than its end.
//   - State.Durable is stored before the plan that came with it is executed.
//   - A plan is executed in order, each action at most once at a time. Any part of it may be lost: what is still needed is decided
//     again at the next tick.
//   - Decide is called at every event and at the instant Wake names.
//
// # Where to look
//
//	record.go observation.go state.go policy.go action.go    the values
//	advance.go advance_cohort.go                             from observation to state: what is proven
//	facts.go condition.go election.go handover.go            named conditions over both
//	cohort.go ballot.go suspicion.go beat.go                 those of quorum durability
//	rules_*.go                                               the table: first section, first rule
//	duty.go commit.go                                        what a leader and a member do whatever else they do
//	decide.go wake.go quiet.go admit.go forecast.go render.go the entry points
package core
