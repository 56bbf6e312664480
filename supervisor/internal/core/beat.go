// SPDX-License-Identifier: Apache-2.0

package core

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
