// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Quorum is what durability by quorum asks for now. Any K of Standbys acknowledge each commit; Elect ballots of Members replace the
// leader.
type Quorum struct {
	Members  []string `json:"members"`
	Standbys []string `json:"standbys"`
	K        int      `json:"k"`
	Elect    int      `json:"elect"`
	// Ballots are those cast in this epoch, best first.
	Ballots []Ballot `json:"ballots"`
}

// Ballot is a member's word that it has stopped receiving for good, and how far it got.
type Ballot struct {
	Member   string        `json:"member"`
	Timeline core.Timeline `json:"timeline"`
	LSN      string        `json:"lsn"`
	Replayed string        `json:"replayed"`
	Priority int           `json:"priority"`
}

// synchronousMember tells whether a member is one of the standbys that commits are counted on.
func (v *view) synchronousMember(name string) bool {
	c := v.Cohort()
	return c.K > 0 && name != v.View.Leader.Value.Holder && slices.Contains(c.Members, name)
}

// describeQuorum is nil with asynchronous durability.
func (v *view) describeQuorum() *Quorum {
	c := v.Cohort()
	if len(c.Members) == 0 {
		return nil
	}
	q := &Quorum{Members: c.Members, Standbys: []string{}, K: c.K, Elect: len(c.Members) - c.K, Ballots: []Ballot{}}
	for _, name := range c.Members {
		if name != v.View.Leader.Value.Holder {
			q.Standbys = append(q.Standbys, name)
		}
	}
	for _, b := range v.ballots() {
		q.Ballots = append(q.Ballots, Ballot{b.Name, b.Timeline, b.LSN.String(), b.Replayed.String(), b.Priority})
	}
	return q
}

// ballots are those that stand in the present epoch, best first.
func (v *view) ballots() []core.Ballot {
	var out []core.Ballot
	for _, b := range v.View.Ballots {
		if b.Value.Epoch == v.View.Epoch.Value.Epoch && !b.Value.Withdrawn {
			out = append(out, b.Value)
		}
	}
	slices.SortStableFunc(out, func(a, b core.Ballot) int {
		return cmp.Or(cmp.Compare(b.Timeline, a.Timeline), cmp.Compare(b.LSN, a.LSN), cmp.Compare(b.Replayed, a.Replayed), cmp.Compare(b.Priority, a.Priority))
	})
	return out
}

// Heartbeats are the datagrams between supervisors since this one was started.
type Heartbeats struct {
	// Authenticated tells that there is a secret.
	Authenticated bool              `json:"authenticated"`
	Received      uint64            `json:"received"`
	Sent          uint64            `json:"sent"`
	Unsent        uint64            `json:"unsent"`
	Dropped       map[string]uint64 `json:"dropped"`
	// Heard is what came last from the others.
	Heard []Heard `json:"heard"`
}

// Heard is what another supervisor said last of itself.
type Heard struct {
	Member string `json:"member"`
	// AgeSeconds is how long ago that was when the loop turned last; null when it says nothing, as who does not lead.
	AgeSeconds *float64   `json:"age_seconds"`
	Epoch      core.Epoch `json:"epoch,omitempty"`
	Open       bool       `json:"open,omitempty"`
	Gone       bool       `json:"gone,omitempty"`
	// Asks tells that it cannot reach the DCS and asks for promises, PromisedSeconds for how long its last promise to this member holds.
	Asks            bool    `json:"asks,omitempty"`
	PromisedSeconds float64 `json:"promised_seconds,omitempty"`
}

func (v *view) describeHeartbeats(now core.Instant) Heartbeats {
	h := v.Heartbeats
	out := Heartbeats{h.Authenticated, h.Received, h.Sent, h.Unsent, maps.Clone(h.Dropped), []Heard{}}
	if out.Dropped == nil {
		out.Dropped = map[string]uint64{}
	}
	for _, x := range v.Heard {
		heard := Heard{Member: x.Name, Epoch: x.Beat.Epoch, Open: x.Beat.Open, Gone: x.Beat.Gone, Asks: x.Beat.Ask > 0}
		if x.At != 0 {
			age := seconds(v.At.Sub(x.At))
			heard.AgeSeconds = &age
		}
		if left := x.Promise.SentAt.Add(x.Promise.For).Sub(now); x.Promise.For > 0 && left > 0 {
			heard.PromisedSeconds = seconds(left)
		}
		out.Heard = append(out.Heard, heard)
	}
	return out
}

// Probe is a question to PostgreSQL of another member: is it there?
type Probe struct {
	Member       string  `json:"member"`
	SinceSeconds float64 `json:"since_seconds"`
	// AnsweredSeconds is how long ago the last answer came; null for none.
	AnsweredSeconds *float64 `json:"answered_seconds"`
}

// describeProbe is nil while nobody is asked.
func (v *view) describeProbe(now core.Instant) *Probe {
	p := v.Probe
	if p.Name == "" {
		return nil
	}
	out := &Probe{Member: p.Name, SinceSeconds: seconds(now.Sub(p.Since))}
	if p.AnsweredAt != 0 {
		ago := seconds(now.Sub(p.AnsweredAt))
		out.AnsweredSeconds = &ago
	}
	return out
}
