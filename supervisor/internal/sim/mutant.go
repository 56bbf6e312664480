// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// mutant is a world in which one thing that safety rests on does not hold. The zero one is right.
type mutant struct {
	ignored       []string // keys whose compares the store ignores
	fromAnswer    bool     // deadlines count from the answer
	noDeadman     bool
	orphansUnseen bool // the plugin takes a dead postmaster for an empty directory
	ownTimelines  bool // the reserved timeline number is ignored
	staleReports  bool // reports overtake each other, and count as of their arrival
	wildClocks    bool // clocks differ by more than the bound
	shortEnd      bool // the plugin says that the WAL of a stopped server ends earlier
	forgetful     bool // promotions are not stored
	forgetsPID    bool // which postmaster was promoted is not stored
	takesBack     bool // a leadership given up without an answer is used on
	anyWAL        bool // the plugin takes WAL of another history for the leader's
	hasty         bool // a member believes that half a TTL has passed more than has
	blurts        bool // a shorter TTL is said before it is counted by

	// Of quorum worlds.
	settlesBlindly  bool // the plugin takes synchronous_standby_names for in force at once
	detachesBlindly bool // the plugin does not look whether the receiver is gone
	noBarrier       bool // the position that standbys have to reach counts as the beginning
	forgetsPromise  bool // what was promised is not remembered
	oneTooFew       bool // one ballot less than needed counts as enough
	longPromises    bool // promises are taken for three times as long as they are
}

// any tells whether something is broken at all.
func (m mutant) any() bool { return fmt.Sprint(m) != fmt.Sprint(mutant{}) }

func (m mutant) ignores(key string) bool {
	return slices.ContainsFunc(m.ignored, func(k string) bool { return key == k || strings.HasSuffix(k, "/") && strings.HasPrefix(key, k) })
}

// stored is what of a durable state survives the process.
func (m mutant) stored(d core.Durable) core.Durable {
	if m.forgetful {
		d.Promoted, d.PromotedPID, d.GivenUp = 0, 0, 0
	}
	if m.forgetsPID {
		d.PromotedPID = 0
	}
	if m.takesBack {
		d.GivenUp = 0
	}
	return d
}

// said is what a member writes into the DCS.
func (m mutant) said(c core.Commit, p core.Policy) *core.Commit {
	if l := c.Leader(); m.blurts && l != nil && !l.Released {
		blurted := *l
		blurted.TTL = p.TTL
		c.Writes = slices.Clone(c.Writes)
		for i, x := range c.Writes {
			if x.Key == core.KeyLeader {
				c.Writes[i].Record = blurted
			}
		}
	}
	return &c
}

// remembered is what of a state is there in the next tick.
func (m mutant) remembered(s core.State, o core.Observation) core.State {
	if m.takesBack {
		s.GivenUp = 0
	}
	if m.forgetsPromise {
		s.Promised, s.Awake = core.Promised{}, 1
	}
	if m.hasty {
		s.LeaderSeen.At = min(s.LeaderSeen.At, o.Now.Add(-1500*core.Millisecond))
	}
	return s
}
