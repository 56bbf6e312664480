// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// scope is a search that can be done to its end: where it starts, and what may happen.
type scope struct {
	name   string
	start  func(*model) world
	bounds Bounds
}

// scopes each let a few things happen in all their orders; what goes wrong, in concert. All of them start from a cluster of the
// real core's making.
func scopes() []scope {
	base := Bounds{Nodes: 3, K: 1, Epochs: 2, Commits: 1, Votes: 2, Suspicions: 2}
	with := func(change func(*Bounds)) Bounds { b := base; change(&b); return b }
	return []scope{
		{"election", (*model).steady, with(func(b *Bounds) { b.Commits = 2 })},
		{"election, two of two", (*model).steady, with(func(b *Bounds) { b.K, b.Commits = 2, 2 })},
		{"election, three epochs", (*model).steady, with(func(b *Bounds) { b.K, b.Epochs = 2, 3 })},
		{"election, four members", (*model).steady, with(func(b *Bounds) { b.Nodes, b.Votes, b.Suspicions = 4, 3, 3 })},
		{"the leader returns", (*model).steady, with(func(b *Bounds) { b.Votes, b.Returns = 3, 1 })},
		{"the leader returns twice", returned, with(func(b *Bounds) { b.Votes, b.Returns, b.Lost = 2, 1, 1 })},
		{"voted, crash", voted, with(func(b *Bounds) { b.Crashes, b.Suspicions, b.Votes = 1, 1, 1 })},
		{"voted, answers lost", voted, with(func(b *Bounds) { b.Lost, b.Suspicions, b.Votes, b.Returns = 1, 1, 2, 1 })},
		{"the leader's host is reset", reborn, with(func(b *Bounds) { b.Commits = 2 })},
		{"the leader's PostgreSQL dies", givingUp, with(func(b *Bounds) { b.Commits, b.Suspicions, b.Lost = 2, 1, 1 })},
		{"elected", elected, with(func(b *Bounds) { b.Crashes, b.Suspicions, b.Votes = 1, 0, 0 })},
		{"elected, answers lost", elected, with(func(b *Bounds) { b.Lost, b.Crashes, b.Suspicions, b.Votes = 1, 1, 0, 0 })},
		{"crash", (*model).steady, with(func(b *Bounds) { b.Crashes, b.Repairs = 1, 1 })},
		{"crash, two of two", (*model).steady, with(func(b *Bounds) { b.K, b.Crashes, b.Suspicions, b.Votes = 2, 1, 1, 1 })},
		{"two crashes", (*model).steady, with(func(b *Bounds) { b.K, b.Crashes, b.Suspicions, b.Votes = 2, 2, 1, 1 })},
		{"answers lost", (*model).steady, with(func(b *Bounds) { b.Lost, b.Returns = 1, 1 })},
		{"standbys come and go", (*model).steady, with(func(b *Bounds) { b.Absences, b.Suspicions, b.Votes = 1, 1, 1 })},
		{"standbys come and go, two of two", (*model).steady, with(func(b *Bounds) { b.K, b.Absences, b.Suspicions, b.Votes = 2, 1, 1, 1 })},
		{"a standby comes back", withoutC, with(func(b *Bounds) { b.Absences, b.Suspicions, b.Votes = 1, 1, 2 })},
		{"the cohort shrinks in an election", shrinking, with(func(b *Bounds) { b.Votes, b.Suspicions, b.Lost = 1, 1, 1 })},
		{"cohort changes, answers lost", (*model).steady, with(func(b *Bounds) { b.Epochs, b.Absences, b.Suspicions, b.Votes, b.Lost = 1, 2, 0, 0, 1 })},
		{"cohort changes, crash", (*model).steady, with(func(b *Bounds) { b.Epochs, b.Absences, b.Suspicions, b.Votes, b.Crashes = 1, 2, 0, 0, 1 })},
		{"cohort changes, at least one", (*model).steady, with(func(b *Bounds) { b.MinSync, b.Epochs, b.Absences, b.Suspicions, b.Votes = 1, 1, 3, 0, 0 })},
		{"the deadline passes", (*model).steady, with(func(b *Bounds) { b.Deadlines, b.Renewals, b.Suspicions = 1, 1, 1 })},
		{"an old tail", oldTail, with(func(b *Bounds) { b.Epochs, b.Commits, b.Suspicions = 3, 4, 2 })},
		{"rewinding", rewinding, with(func(b *Bounds) { b.Epochs, b.Commits, b.Repairs = 3, 3, 1 })},
		{"an older disk", olderDisk, with(func(b *Bounds) { b.Disks, b.Suspicions = 1, 3 })},
		{"an older disk, a late renewal", olderDiskLateRenewal, with(func(b *Bounds) { b.Disks, b.Suspicions = 1, 2 })},
		{"switchover", asked(core.Operation{Kind: core.Switchover, From: "A", To: "B"}), with(func(b *Bounds) { b.Suspicions = 1 })},
		{"failover that is not forced", asked(core.Operation{Kind: core.Failover, To: "B"}), with(func(b *Bounds) { b.Suspicions = 1 })},
		{"forced failover", asked(core.Operation{Kind: core.Failover, To: "B", Force: true}), with(func(b *Bounds) { b.Suspicions = 1 })},
	}
}

// asked is a steady cluster in which an operator has just asked for something.
func asked(op core.Operation) func(*model) world {
	return func(m *model) world {
		w := m.steady()
		op.ID, op.State = "op", core.Pending
		w.store = m.stores.of(m.stores.at(w.store).applied([]core.Write{{Key: core.KeyOperation, Record: op}}))
		return w
	}
}
