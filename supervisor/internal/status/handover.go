// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Stage is a part of a hand-over.
type Stage int

// The stages, in their order. Clients of poolers wait from Hold to LetGo, all others see no primary from Stop to Open.
const (
	Prepare Stage = iota // checkpoint made ahead, candidate caught up
	Hold                 // poolers hold clients back
	Stop                 // the primary shuts down
	Elect                // the candidate takes the leadership
	Open                 // it is promoted
	LetGo                // poolers let clients go to it
	stages
)

// String is the stage's name for people.
func (s Stage) String() string {
	return [...]string{"prepare", "hold clients", "stop", "elect", "open", "let go"}[s]
}

// Handover is a hand-over as this member sees it pass by in the DCS, timed by its own clock. The zero Handover is none.
type Handover struct {
	// ID is the operation's; From handed over, or is about to.
	ID, From string
	// Took is how long each stage took that is over. Stages that were seen to end together count for the first of them.
	Took []core.Span

	epoch     core.Epoch
	since     core.Instant
	calledOff bool // it ended with the leader it began with
}

// Over tells whether all stages have passed.
func (h Handover) Over() bool { return len(h.Took) == int(stages) }

// Gap is how long there was no primary; 0 before the hand-over is over.
func (h Handover) Gap() core.Span { return h.sum(Stop, Open) }

// Wait is how long poolers held clients back; 0 before the hand-over is over, or without poolers.
func (h Handover) Wait() core.Span {
	if h.sum(Hold, Hold) == 0 {
		return 0
	}
	return h.sum(Hold, LetGo)
}

func (h Handover) sum(first, last Stage) core.Span {
	var sum core.Span
	if h.Over() {
		for _, took := range h.Took[first : last+1] {
			sum += took
		}
	}
	return sum
}

// Next is what is known after another look at the DCS.
func (h Handover) Next(v *core.View, now core.Instant) Handover {
	if v == nil {
		return h
	}
	op := v.Operation.Value
	if begins(v) && op.ID != h.ID {
		h = Handover{ID: op.ID, From: v.Leader.Value.Holder, epoch: v.Epoch.Value.Epoch, since: now}
	}
	if h.ID == "" || h.Over() || h.calledOff {
		return h
	}
	if op.ID == h.ID && op.State != core.Pending && v.Epoch.Value.Epoch == h.epoch {
		h.calledOff = true
		return h
	}
	for passed := h.passed(v); len(h.Took) < passed; h.since = now {
		h.Took = append(slices.Clone(h.Took), now.Sub(h.since))
	}
	return h
}

func begins(v *core.View) bool {
	op := v.Operation.Value
	return op.State == core.Pending && (op.Kind == core.Switchover || op.Kind == core.Failover) && v.Leader.Exists() && !v.Leader.Value.Released
}

// passed is how many stages are over.
func (h Handover) passed(v *core.View) int {
	leader := v.Leader.Value
	lead := v.Member(leader.Holder).Value
	open := lead.Status == core.StatusRunning && lead.Role == core.RolePrimary
	switch taken := v.Epoch.Value.Epoch > h.epoch; {
	case taken && open && !h.holding(v):
		return int(LetGo) + 1
	case taken && open:
		return int(Open) + 1
	case taken:
		return int(Elect) + 1
	case leader.Released:
		return int(Stop) + 1
	case !open:
		return int(Hold) + 1
	case leader.Handover == h.ID:
		return int(Prepare) + 1
	}
	return 0
}

// holding tells whether some pooler holds clients back, or is about to.
func (h Handover) holding(v *core.View) bool {
	return v.Leader.Value.Handover == h.ID || slices.ContainsFunc(v.Members, func(m core.Versioned[core.Member]) bool { return m.Value.Held == h.ID })
}
