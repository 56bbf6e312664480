// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// TestSecondFailure loses a second host in the middle of the take-over that the loss of the first one brought about.
func TestSecondFailure(t *testing.T) {
	t.Parallel()
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum"})
	for _, f := range secondFailures() {
		if !t.Run(f.name, func(t *testing.T) { live(t, c, f) }) {
			t.Fatal("the cluster is not fit for the next fault")
		}
	}
}

func secondFailures() []fault {
	return []fault{
		{name: "the first to vote, which comes back first", play: lose(voter, false), registers: true},
		{name: "the first to vote, after the old primary", play: lose(voter, true), registers: true},
		{name: "the winner, which comes back first", play: lose(winner, false), registers: true},
		{name: "the winner, after the old primary", play: lose(winner, true), registers: true},
		{name: "the next primary, while the old one is rewound to it", play: loseRewinding},
	}
}

// record is what the tests read in ballots, and in the records of the leader and of members.
type record struct {
	Name, Holder       string
	Epoch              uint64
	Withdrawn, Lacking bool
}

// voter is who voted in an epoch, by a record of the DCS; empty when that is none.
func voter(key string, r record, epoch uint64) string {
	if !strings.HasPrefix(key, "ballots/") || r.Epoch != epoch || r.Withdrawn {
		return ""
	}
	return r.Name
}

// winner is who took over from the leader of an epoch, by a record of the DCS.
func winner(key string, r record, epoch uint64) string {
	if key != "leader" || r.Epoch <= epoch {
		return ""
	}
	return r.Holder
}

// lose kills the primary's host and, as soon as a record in the DCS tells of another one, that one's too. Then one of the two
// comes back, and when writes go on, the other one.
func lose(who func(key string, r record, epoch uint64) string, primaryFirst bool) func(*story) {
	return func(s *story) {
		struck := s.strike(who)
		s.do(s.primary.KillHost())
		back, late := s.struck(struck), s.primary
		if primaryFirst {
			back, late = late, back
		}
		s.pass(time.Second)
		s.do(back.StartHost())
		s.moreAcks(50)
		s.do(late.StartHost())
	}
}

// loseRewinding kills PostgreSQL of the primary and then, as soon as it is rewound and has no vote for that, the host of the next
// one. It comes back, for the vote of either may be needed.
func loseRewinding(s *story) {
	old, next := s.primary.Name, ""
	struck := s.strike(func(key string, r record, epoch uint64) string {
		if w := winner(key, r, epoch); w != "" {
			next = w
		}
		if key == "members/"+old && r.Lacking {
			return next
		}
		return ""
	})
	s.do(s.primary.KillPostmaster())
	back := s.struck(struck)
	s.pass(time.Second)
	s.do(back.StartHost())
	s.moreAcks(50)
}

// strike watches the DCS and kills the host of the first other node that a record tells of.
func (s *story) strike(who func(key string, r record, epoch uint64) string) <-chan *lab.Node {
	s.Helper()
	epoch, err := s.Epoch(s.Context())
	s.do(err)
	first, struck := make(chan struct{}, 1), make(chan *lab.Node, 1)
	first <- struct{}{}
	s.do(s.WatchRecords(s.Context(), func(key string, value []byte) {
		var r record
		if json.Unmarshal(value, &r) != nil {
			return
		}
		n := s.Node(who(key, r, epoch))
		if n == nil || n == s.primary {
			return
		}
		select {
		case <-first:
			if err := n.KillHost(); err != nil {
				s.Error(err)
			}
			struck <- n
		default:
		}
	}))
	return struck
}

// struck waits for the node that was killed.
func (s *story) struck(killed <-chan *lab.Node) *lab.Node {
	s.Helper()
	select {
	case n := <-killed:
		s.Logf("killed in the middle of it: %s", n.Name)
		return n
	case <-time.After(patience):
		s.Fatalf("no second host to kill within %s", patience)
	}
	return nil
}
