// SPDX-License-Identifier: Apache-2.0

package core

import "fmt"

// Refusal is why a request was not taken: one sentence for the operator.
type Refusal struct{ Reason string }

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) *Refusal { return &Refusal{fmt.Sprintf(format, args...)} }

// Admit checks a request against what is known now. It returns nil, or the reason why the operation would be in vain.
func Admit(s State, o Observation, p Policy, op Operation) *Refusal {
	f := gather(s, o, p)
	switch {
	case !viewFresh.holds(f):
		return refuse("the DCS cannot be reached")
	case f.op.ID != "":
		return refuse("another operation is pending: %s of %s", f.op.Kind, f.op.ID)
	case op.To != "" && !f.view.Member(op.To).Exists():
		return refuse("there is no member %s", op.To)
	}
	switch op.Kind {
	case Switchover:
		return f.admitSwitchover(op)
	case Failover:
		return f.admitFailover(op)
	case Reinit:
		return f.admitReinit(op)
	}
	return refuse("unknown operation %q", op.Kind)
}

func (f *facts) admitSwitchover(op Operation) *Refusal {
	switch {
	case !Live(f.s, f.o, f.p):
		return refuse("there is no leader to hand over; use failover")
	case op.From != "" && op.From != f.leader.Holder:
		return refuse("the leader is %s, not %s", f.leader.Holder, op.From)
	case op.To == f.leader.Holder:
		return refuse("%s leads already", op.To)
	case op.To == "" && paused.holds(f):
		return refuse("the cluster is paused: name the candidate")
	case op.To != "":
		return asRefusal(f.unfit(op.To))
	}
	for _, m := range f.view.Members {
		if m.Value.Name != f.leader.Holder && f.unfit(m.Value.Name) == "" {
			return nil
		}
	}
	return refuse("no member can take over")
}

func (f *facts) admitFailover(op Operation) *Refusal {
	switch {
	case op.To == "":
		return refuse("a failover needs a candidate")
	case Live(f.s, f.o, f.p) && op.To == f.leader.Holder:
		return refuse("%s leads already", op.To)
	}
	return asRefusal(f.unfit(op.To))
}

func (f *facts) admitReinit(op Operation) *Refusal {
	switch {
	case op.To == "":
		return refuse("name the member to reinitialise")
	case !Live(f.s, f.o, f.p):
		return refuse("there is no leader to copy from")
	case op.To == f.leader.Holder:
		return refuse("%s leads; it cannot be copied from itself", op.To)
	case !f.alive(op.To):
		return refuse("the supervisor of %s is silent", op.To)
	}
	return nil
}

func asRefusal(why string) *Refusal {
	if why == "" {
		return nil
	}
	return &Refusal{why}
}
