// SPDX-License-Identifier: Apache-2.0

package core

// In a hand-over poolers hold the transactions of clients back, on every host, so that clients wait where they would fail
// otherwise. The leader says in its record for which operation; the members have it done and say so; then the leader stops. They
// let go when a primary is open again or the hand-over is called off, and by themselves after a while.

// HoldBackPatience is how long poolers wait for the transactions that run.
func (p Policy) HoldBackPatience() Span { return 3 * Second }

// HoldBackSpan is the time after which poolers let go by themselves.
func (p Policy) HoldBackSpan() Span { return 10 * Second }

// Poolers are those of this host, as the shell knows them.
type Poolers struct {
	// Any says that there are some.
	Any bool
	// Held is the last operation they were asked to hold clients back for, once that has ended; Stuck is why they do not.
	Held, Stuck string
}

// handoverToSay is the operation that the leader's record should name. While PostgreSQL stops, the record stays as it is.
func (f *facts) handoverToSay() string {
	said := f.s.Hold.Record.Handover
	switch {
	case !pgPrimary.holds(f) || f.o.View == nil:
		return said
	case !f.handoverAsked() || f.handoverBlocker() != "":
		return ""
	case said == f.op.ID, checkpointed.holds(f) && f.candidateCaughtUp() && len(f.poolers()) > 0:
		return f.op.ID
	}
	return ""
}

// poolers are the live members that have some.
func (f *facts) poolers() []Member {
	var out []Member
	for _, m := range f.view.Members {
		if m.Value.Pools && f.alive(m.Value.Name) {
			out = append(out, m.Value)
		}
	}
	return out
}

// clientsHeld: all poolers hold clients back for the pending hand-over, or cannot and need not.
func (f *facts) clientsHeld() bool {
	for _, m := range f.poolers() {
		if m.Held != f.op.ID || m.Stuck != "" && !f.op.Force {
			return false
		}
	}
	return true
}

// poolerStuck is why clients cannot be held back for the pending hand-over; empty when they can.
func (f *facts) poolerStuck() string {
	for _, m := range f.poolers() {
		if m.Held == f.op.ID && m.Stuck != "" && !f.op.Force {
			return "clients cannot be held back on " + m.Name + ": " + m.Stuck
		}
	}
	return ""
}

// holdBack has the poolers of this host hold clients back, or let them go once they have somewhere to go to.
func (f *facts) holdBack() Plan {
	if !viewFresh.holds(f) {
		return nil
	}
	said, asked := f.leader.Handover, f.s.HeldBack
	switch {
	case said != "" && said != asked && f.o.Poolers.Any:
		return Plan{{Kind: ActHoldBack, Epoch: f.epoch(), Operation: said}}
	case said == "" && asked != "":
		if r := f.routes(); r.Primary != nil {
			return Plan{{Kind: ActLetGo, Epoch: f.epoch(), Routes: &r}}
		}
	}
	return nil
}
