// SPDX-License-Identifier: Apache-2.0

package core

// Forecast is what a switchover would do now. Nothing has been done.
type Forecast struct {
	From, To string
	// Blocker is why it would not happen; empty when it would.
	Blocker string
	// ReceiveLag is the WAL that To has yet to receive, ReplayLag what it has yet to apply before it opens; bytes.
	ReceiveLag, ReplayLag uint64
	// Poolers are the members whose poolers would hold clients back.
	Poolers []string
	// Unfit are the other members that could not take over, and why.
	Unfit []Unfit
}

// Unfit is a member and why it cannot take over.
type Unfit struct{ Name, Why string }

// Foresee tells what the leader would do if a switchover were asked for. Only the leader knows; others refuse.
func Foresee(s State, o Observation, p Policy, op Operation) (Forecast, *Refusal) {
	if refusal := Admit(s, o, p, op); refusal != nil {
		return Forecast{Blocker: refusal.Reason}, nil
	}
	f := gather(s, o, p)
	if !f.holding() || f.o.Postgres == nil {
		return Forecast{}, refuse("%s does not lead: ask the leader, %s", p.Self.Name, f.leader.Holder)
	}
	f.op = op
	to := f.candidate()
	out := Forecast{From: p.Self.Name, To: to, Blocker: f.handoverBlocker()}
	for _, m := range f.poolers() {
		out.Poolers = append(out.Poolers, m.Name)
	}
	for _, m := range f.view.Members {
		if why := f.unfit(m.Value.Name); why != "" && m.Value.Name != p.Self.Name {
			out.Unfit = append(out.Unfit, Unfit{m.Value.Name, why})
		}
	}
	if sender := f.sender(to); out.Blocker == "" && sender.State != "streaming" {
		out.Blocker = to + " does not stream from " + p.Self.Name
	} else if out.Blocker == "" {
		out.ReceiveLag, out.ReplayLag = f.pg.LSN.past(sender.Flush), f.pg.LSN.past(sender.Replay)
	}
	return out, nil
}

// past is how many bytes l is ahead of another position.
func (l LSN) past(other LSN) uint64 {
	if l <= other {
		return 0
	}
	return uint64(l - other)
}
