// SPDX-License-Identifier: Apache-2.0

package core

import "slices"

// Beat is what a leader's supervisor says of itself to the others, by datagram, several times a second. It may be lost, late,
// repeated and out of order; nothing that safety rests on believes it.
type Beat struct {
	Name  string `json:"name"`
	Epoch Epoch  `json:"epoch"`
	// Open says that PostgreSQL is open for writes in Epoch, Gone that it was and has ended.
	Open bool `json:"open,omitempty"`
	Gone bool `json:"gone,omitempty"`
	// SentAt is when it was sent, on the sender's clock; 0 in what BeatOf returns, the shell sets it.
	SentAt Instant `json:"sent_at"`
	// Ask asks those who hear it not to vote in Epoch for that long; 0 asks for nothing.
	Ask Span `json:"ask,omitempty"`
}

// Promise is the answer to a Beat that asks: the sender will not vote in Epoch for a span after it received the beat sent at SentAt.
type Promise struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Epoch Epoch  `json:"epoch"`
	// SentAt is that of the beat, on the clock of To: whoever gave the promise received the beat later.
	SentAt Instant `json:"sent_at"`
	For    Span    `json:"for"`
}

// Heard is what came last from another supervisor.
type Heard struct {
	Name string
	// At is when Beat arrived; 0 when none has.
	At   Instant
	Beat Beat
	// Promise is the one with the latest end, of the newest epoch.
	Promise Promise
}

// Probe is a question to PostgreSQL of another member, asked again and again: is there a postmaster that answers?
type Probe struct {
	// Name of the member, empty when nobody is asked; Since when; AnsweredAt is the last answer, 0 for none.
	Name       string
	Since      Instant
	AnsweredAt Instant
}

// BeatOf tells what to say to the other supervisors until the next tick; false when there is nothing to say. s is the state
// that Decide returned for o.
func BeatOf(s State, o Observation, p Policy) (Beat, bool) {
	f := gather(s, o, p)
	if s.Hold.Epoch == 0 || len(f.cohort().Members) == 0 {
		return Beat{}, false
	}
	b := Beat{Name: p.Self.Name, Epoch: s.Hold.Epoch, Open: f.holding() && pgPrimary.holds(f)}
	b.Gone = s.Promoted == s.Hold.Epoch && !s.Writable
	if s.Writable && f.cohort().K > 0 && o.Now.Sub(s.Hold.RenewedAt) >= p.AskAfter() {
		b.Ask = p.PromiseSpan()
	}
	return b, true
}

// promise answers a leader that cannot reach the DCS: as long as we receive from it, we may do without a vote for a while.
func (f *facts) promise() Plan {
	h := f.heard()
	if h.Beat.Ask <= 0 || f.s.Answered.Epoch == h.Beat.Epoch && h.Beat.SentAt <= f.s.Answered.SentAt || !f.elector() || f.voted() || f.detaching() || !f.receiving() {
		return nil
	}
	return Plan{{Kind: ActPromise, Epoch: h.Beat.Epoch, Promise: &Promise{
		From: f.p.Self.Name, To: h.Name, Epoch: h.Beat.Epoch, SentAt: h.Beat.SentAt, For: min(h.Beat.Ask, f.p.TTL),
	}}}
}

// detaching: PostgreSQL is being detached, or was.
func (f *facts) detaching() bool {
	return f.s.Detached == f.view.Epoch.Value.Epoch || f.o.Job != nil && f.o.Job.Kind == ActDetach
}

// receiving: WAL streams from the leader.
func (f *facts) receiving() bool { return streaming(&f.pg) && f.pg.Upstream == f.leader.Holder }

// promisedUntil is until when, on our clock, nobody can be elected from a cohort: the promises of K others leave too few. A member
// that was restarted since knows of none, and does not vote for the TTL of the record: no promise counts for longer.
func promisedUntil(c Cohort, heard []Heard, ttl Span, p Policy) Instant {
	var ends []Instant
	for _, h := range heard {
		if pr := h.Promise; pr.Epoch == c.Epoch && pr.From == h.Name && pr.To == p.Self.Name && slices.Contains(c.Members, h.Name) {
			ends = append(ends, pr.SentAt.Add(min(pr.For, ttl).shorter(p.DriftPPM)))
		}
	}
	slices.Sort(ends)
	if c.K == 0 || len(ends) < c.K {
		return 0
	}
	return ends[len(ends)-c.K]
}
