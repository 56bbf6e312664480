// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"fmt"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// The nodes by name.
const (
	a = iota
	b
	c
)

// birth is a world in which A's PostgreSQL is a primary and the others are copies of it, and no supervisor has run yet.
func (m *model) birth() world {
	w := world{store: m.stores.of(store{}), history: m.history.of(nil), strays: m.strays.of(nil), ledger: m.ledgerOf(ledger{})}
	none := m.members.of(core.Member{})
	for i := range m.bounds.Nodes {
		n := node{self: i, published: none}
		n.pg = postgres{running: true, primary: i == a, pid: 1, wal: opening(1, a), upstream: nobody}
		n.state.SystemID, n.state.WalEpoch = systemID, 1
		if i == a {
			n.pg.openedIn = 1
		}
		w.nodes[i] = m.nodes.of(n)
	}
	m.note(&w, func(l *ledger) { l.opened[0] = opened{epoch: 1, timeline: 1} })
	return w
}

// steady is a world in which A leads and all is well, made by the real core from birth.
func (m *model) steady() world {
	w := m.birth()
	all := nodeSet(1<<m.bounds.Nodes - 1)
	m.calm(&w, all)
	for i := range m.bounds.Nodes {
		m.update(&w, i, func(n *node) { n.state.Awake = past })
	}
	m.calm(&w, all)
	return w
}

// unlimited are the bounds of what a script does.
var unlimited = Bounds{
	Epochs: 9, Commits: 7, Crashes: 9, Lost: 9, Renewals: 9, Deadlines: 9, Absences: 9, Votes: 9, Repairs: 9, Suspicions: 9, Returns: 9,
	Disks: 1,
}

// script makes a start of another: what the search may still do counts from its end.
func script(from func(*model) world, play func(p *player)) func(*model) world {
	return func(m *model) world {
		w := from(m)
		bounds := m.bounds
		m.bounds = unlimited
		m.bounds.Nodes, m.bounds.K, m.bounds.MinSync, m.bounds.Disks = bounds.Nodes, bounds.K, bounds.MinSync, bounds.Disks
		play(&player{m, &w})
		m.bounds = bounds
		m.note(&w, func(l *ledger) { *l = ledger{acked: l.acked, opened: l.opened, lossy: l.lossy, commits: l.commits} })
		return w
	}
}

// player lets a script's events happen.
type player struct {
	*model
	w *world
}

// do lets something happen that must be possible.
func (p *player) do(kind eventKind, node int, args ...int) {
	e := event{kind: kind, node: node}
	if len(args) > 0 {
		e.arg = args[0]
	}
	possible := kind == evOlderDisk
	p.enabled(p.w, func(x event) { possible = possible || x == e })
	if !possible {
		panic(fmt.Sprintf("script: not possible: %s", p.describe(p.w, e)))
	}
	if _, bad := p.happen(p.w, e); bad != "" {
		panic("script: " + bad)
	}
}

// calm lets all go well among some nodes.
func (p *player) calm(nodes ...int) {
	var set nodeSet
	for _, i := range nodes {
		set = set.with(i)
	}
	p.model.calm(p.w, set)
}

// vote has a node suspect the leader and cast its ballot.
func (p *player) vote(i int) {
	p.do(evQuiet, i)
	p.do(evJobDone, i)
	p.do(evApply, i, 2)
	p.do(evAnswer, i, 2)
}

// calm lets everything happen that happens in a cluster that is well, to some nodes, until nothing does.
func (m *model) calm(w *world, among nodeSet) {
	for moved := true; moved; {
		moved = false
		m.enabled(w, func(e event) {
			if moved || !among.has(e.node) || !e.healthy() && e.kind != evConflict {
				return
			}
			after := *w
			if _, bad := m.happen(&after, e); bad != "" {
				panic(bad)
			}
			if after != *w {
				*w, moved = after, true
			}
		})
	}
}

// returned: B has voted against A, and withdrawn its ballot when A was back.
var returned = script((*model).steady, func(p *player) {
	p.vote(b)
	p.do(evHears, b)
	p.calm(a, b, c)
})

// withoutC: A has done without C for a while, and knows that it is back.
var withoutC = script((*model).steady, func(p *player) {
	p.do(evMisses, a, c)
	p.calm(a, b, c)
	p.do(evQuiet, b)
	p.do(evJobDone, b)
})

// voted: a commit of A was acknowledged by C, and B, which lacks it, has voted.
var voted = script((*model).steady, func(p *player) {
	p.do(evWrite, a)
	p.do(evReceive, c)
	p.vote(b)
})

// reborn: a commit of A was acknowledged by C, another by nobody, and A's host was reset.
var reborn = script((*model).steady, func(p *player) {
	p.do(evWrite, a)
	p.do(evReceive, c)
	p.do(evWrite, a)
	p.do(evReboot, a)
})

// givingUp: a commit of A was acknowledged by C, A's PostgreSQL has died, and A is about to say so.
var givingUp = script((*model).steady, func(p *player) {
	p.do(evWrite, a)
	p.do(evReceive, c)
	p.do(evKill, a)
	p.do(evTick, a)
})

// elected: B has taken over and is about to open; A knows nothing of it.
var elected = script((*model).steady, func(p *player) {
	p.vote(b)
	p.vote(c)
	p.do(evView, b)
	p.do(evApply, b, 0)
})

// oldTail: A has two commits that nobody acknowledged, B leads the second epoch, has one that C acknowledged, and dies. A, back again,
// has had nobody to be rewound to, and has voted.
var oldTail = script((*model).steady, func(p *player) {
	p.do(evWrite, a)
	p.do(evWrite, a)
	p.vote(b)
	p.vote(c)
	p.calm(b, c)
	p.do(evReboot, a)
	p.do(evWrite, b)
	p.calm(c)
	p.do(evKill, b)
	p.do(evTick, b)
	p.do(evView, a)
	p.vote(a)
})

// shrinking: A has found C missing, and its change of the cohort is under way; B has voted.
var shrinking = script((*model).steady, func(p *player) {
	p.do(evMisses, a, c)
	p.do(evJobDone, a)
	p.vote(b)
})

// rewinding: a commit of A was acknowledged by C, which leads the second epoch; A, with another commit that nobody
// acknowledged, is about to rewind, and B has not seen the new epoch.
var rewinding = script((*model).steady, func(p *player) {
	p.do(evWrite, a)
	p.do(evReceive, c)
	p.do(evWrite, a)
	p.vote(b)
	p.vote(c)
	p.calm(c)
	p.do(evReboot, a)
	p.do(evView, a)
})

// olderDisk: a commit was acknowledged by C alone, C has said how far it is, and its host comes back with an older disk.
var olderDisk = script((*model).steady, func(p *player) {
	p.do(evWrite, a)
	p.do(evReceive, c)
	p.do(evQuiet, c)
	p.do(evJobDone, c)
	p.do(evOlderDisk, c)
})

// olderDiskLateRenewal: as olderDisk, C has not voted, and a renewal of A that was sent before the commit is still under way.
var olderDiskLateRenewal = script((*model).steady, func(p *player) {
	p.do(evRenewal, a)
	p.do(evWrite, a)
	p.do(evReceive, c)
	p.update(p.w, c, func(n *node) { n.said = n.pg.wal.end() })
	p.do(evOlderDisk, c)
})
