// SPDX-License-Identifier: Apache-2.0

// Package modelcheck searches, breadth first and exhaustively within bounds, all that can happen to a small cluster with quorum
// durability: the real core on every node, over models of the store and of PostgreSQL, with commits, answers, WAL and reports
// that are late or lost, crashes of supervisor, PostgreSQL and host, and clocks that may say anything at any time.
//
// # What is checked, after every step
//
//   - I1: an epoch opens for writes on one node at most, and never can two nodes acknowledge new commits at the same time.
//   - I2: whoever opens has every commit that was acknowledged in an earlier epoch.
//   - I3: every value of synchronous_standby_names by which a process of the leader may still release commits covers the cohort
//     in the store.
//   - I4: an epoch is one more than the last.
//   - I5: a member whose ballot stands receives nothing and keeps what it voted with.
//   - I7: no two openings share a timeline number.
//   - I6: a commit acknowledged by a leader of an older epoch is in the WAL of every later one that has opened.
//
// # What is modelled
//
// A world (world.go) is the store, the commits that nobody waits for any more, a ledger of what was acknowledged, and the nodes;
// events (event.go) lead from one to the next. A tick is one call of core.Decide and what its plan brings about (tick.go),
// again and again until nothing changes. There is no time (age.go).
//
// A commit is acknowledged as soon as it may be: whatever is wrong with less acknowledged is wrong with more.
//
// # What is not
//
// Member records and history are seen by everybody as soon as they are written; nothing that safety rests on believes them. A
// node sees the newest store whenever it sees it anew, as late as it may be. Starting, following and stopping take no
// time. A standby streams from primaries only. Promises and the deadman are left out: they rest on time, and no acknowledgement
// rests on them.
package modelcheck
