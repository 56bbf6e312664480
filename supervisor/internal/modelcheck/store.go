// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// store is the DCS: the keys that elections and durability rest on. Member records and history stand beside it: they are
// written and seen at once, nothing that safety rests on believes them.
type store struct {
	rev       core.Revision
	epoch     core.Versioned[core.EpochRecord]
	leader    core.Versioned[core.Leader]
	cohort    core.Versioned[core.Cohort]
	operation core.Versioned[core.Operation]
	ballots   [maxNodes]core.Versioned[core.Ballot]
}

// revision is that of a key.
func (s *store) revision(key string) core.Revision {
	switch key {
	case core.KeyEpoch:
		return s.epoch.Rev
	case core.KeyLeader:
		return s.leader.Rev
	case core.KeyCohort:
		return s.cohort.Rev
	case core.KeyOperation:
		return s.operation.Rev
	}
	if name, ok := strings.CutPrefix(key, core.KeyBallots); ok {
		return s.ballots[indexOf(name)].Rev
	}
	panic("key " + key)
}

// holds tells whether all compares of a commit do. As revisions only grow, one that fails fails for ever.
func (m *model) holds(s *store, of id) bool {
	for _, c := range m.commits.at(of).Compares {
		rev := s.revision(c.Key)
		if name, ok := strings.CutPrefix(c.Key, core.KeyBallots); ok && m.mutant.Forgets && s.ballots[indexOf(name)].Value.Withdrawn {
			rev = 0
		}
		if rev != c.Rev {
			return false
		}
	}
	return true
}

// applied is the store after a transaction.
func (s store) applied(ws []core.Write) store {
	s.rev++
	for _, w := range ws {
		switch r := w.Record.(type) {
		case core.EpochRecord:
			s.epoch = core.Versioned[core.EpochRecord]{Value: r, Rev: s.rev}
		case core.Leader:
			s.leader = core.Versioned[core.Leader]{Value: r, Rev: s.rev}
		case core.Cohort:
			s.cohort = core.Versioned[core.Cohort]{Value: r, Rev: s.rev}
		case core.Operation:
			s.operation = core.Versioned[core.Operation]{Value: r, Rev: s.rev}
		case core.Ballot:
			s.ballots[indexOf(r.Name)] = core.Versioned[core.Ballot]{Value: r, Rev: s.rev}
		default:
			panic("write to " + w.Key)
		}
	}
	return s
}

// standing is a node's ballot if it counts in the present epoch.
func (s *store) standing(i int) (core.Ballot, bool) {
	b := s.ballots[i]
	return b.Value, b.Exists() && !b.Value.Withdrawn && b.Value.Epoch == s.epoch.Value.Epoch
}

// view is the picture a node gets, with the members and the history as they are.
func (s *store) view(ms []core.Versioned[core.Member], hs []core.History) *core.View {
	v := &core.View{
		Revision: s.rev, AskedAt: now, SeenAt: now, Epoch: s.epoch, Leader: s.leader, Cohort: s.cohort, Operation: s.operation,
		Identity: core.Versioned[core.Identity]{Value: core.Identity{SystemID: systemID}, Rev: 1},
		Members:  ms,
	}
	for _, b := range s.ballots {
		if b.Exists() {
			v.Ballots = append(v.Ballots, b)
		}
	}
	for _, h := range hs {
		v.History = append(v.History, core.Versioned[core.History]{Value: h, Rev: 1})
	}
	return v
}
