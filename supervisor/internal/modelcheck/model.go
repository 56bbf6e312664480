// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// Bounds limit a search. What is counted is what may happen from the start on, all nodes together.
type Bounds struct {
	// Nodes in the cluster; K synchronous standbys are asked for, MinSync at least.
	Nodes, K, MinSync int
	// Epochs is the last epoch that may begin.
	Epochs core.Epoch
	// Commits of clients.
	Commits int
	// Crashes of a supervisor, a PostgreSQL or a host.
	Crashes int
	// Lost are answers that never arrive, of the store and of jobs.
	Lost int
	// Renewals of leader records, Deadlines that pass on a leader.
	Renewals, Deadlines int
	// Absences: a leader loses sight of a standby.
	Absences int
	// Votes are ballots written or withdrawn.
	Votes int
	// Repairs are rewinds and copies.
	Repairs int
	// Suspicions: a member hears nothing for long; Returns: it hears the others again.
	Suspicions, Returns int
	// Disks: 1 if a disk may be replaced by an older one.
	Disks int
	// States is how many worlds are looked at; 0 is all.
	States int
}

// model is everything that does not change during a search, and the pools and memories that make it fast.
type model struct {
	bounds   Bounds
	mutant   Mutant
	policies [maxNodes]core.Policy

	nodes   *pool[node]
	stores  *pool[store]
	commits *pool[core.Commit]
	members *pool[core.Member]
	history *pool[[]core.History]
	strays  *pool[[]id]

	ledgers   []ledger
	ledgerIDs map[ledger]id

	steps  map[stepKey]stepResult
	locals map[localKey]id
}

func newModel(b Bounds, mu Mutant) *model {
	m := &model{
		bounds: b, mutant: mu,
		nodes: newPool[node](), stores: newPool[store](), commits: newPool[core.Commit](), members: newPool[core.Member](),
		history: newPool[[]core.History](), strays: newPool[[]id](), ledgerIDs: map[ledger]id{},
		steps: map[stepKey]stepResult{}, locals: map[localKey]id{},
	}
	for i := range b.Nodes {
		m.policies[i] = core.Policy{
			Self: core.Self{Name: names[i], Instance: "i-" + names[i], Host: names[i], Port: 5432, Priority: 1},
			TTL:  ttl, DriftPPM: 10_000, Quorum: true, SyncStandbys: b.K, MinSync: b.MinSync, SuspectAfter: 800 * core.Millisecond,
			MaximumLag: 1 << 20, StopPatience: 2 * core.Second, StartTimeout: 60 * core.Second, Rewind: true, Reclone: true,
		}
	}
	return m
}

// policy is that of a node in its present boot.
func (m *model) policy(n *node) core.Policy {
	p := m.policies[n.self]
	p.Self.Token = "t-" + names[n.self] + string(rune('0'+n.boots))
	return p
}
