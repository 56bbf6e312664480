// SPDX-License-Identifier: Apache-2.0

package core

import "slices"

// facts is what the rules look at: state, observation and policy, and a few values that many conditions share.
// It is computed once and never changed.
type facts struct {
	s State
	o Observation
	p Policy

	view   View     // zero before the first read
	pg     Postgres // zero before the first report
	leader Leader   // as in view
	// op is the pending operation, zero when none is.
	op Operation
}

func gather(s State, o Observation, p Policy) *facts {
	f := &facts{s: s, o: o, p: p}
	if o.View != nil {
		f.view = *o.View
		f.leader = f.view.Leader.Value
		if f.view.Operation.Value.State == Pending {
			f.op = f.view.Operation.Value
		}
	}
	if o.Postgres != nil {
		f.pg = *o.Postgres
	}
	return f
}

// epoch is the one to act under: of the own leadership, else of the view.
func (f *facts) epoch() Epoch {
	if f.s.Hold.Epoch != 0 {
		return f.s.Hold.Epoch
	}
	return f.view.Epoch.Value.Epoch
}

// holding: the leadership is in force, and there is time left to end PostgreSQL in order before it is not.
func (f *facts) holding() bool {
	h := f.s.Hold
	return h.Epoch != 0 && (h.Indefinite || f.o.Now < f.fenceAt())
}

// fenceAt is when an unrenewed primary is killed.
func (f *facts) fenceAt() Instant { return f.s.Hold.Deadline.Add(-f.p.FenceMargin()) }

// upstream is the leader as a source of WAL.
func (f *facts) upstream() *Peer {
	m := f.view.Member(f.leader.Holder).Value
	return &Peer{Name: m.Name, Host: m.Host, Port: m.Port, StreamOnly: quorate(f.o.View)}
}

// others names the other members, ascending.
func (f *facts) others() []string {
	var names []string
	for _, m := range f.view.Members {
		if m.Value.Name != f.p.Self.Name {
			names = append(names, m.Value.Name)
		}
	}
	return names
}

// alive tells whether a member's record changed lately.
func (f *facts) alive(name string) bool {
	i := slices.IndexFunc(f.s.Members, func(m MemberSeen) bool { return m.Name == name })
	return i >= 0 && f.o.Now.Sub(f.s.Members[i].At) < f.p.MemberTTL()
}

// sender finds the walsender to a member; zero when there is none.
func (f *facts) sender(name string) Sender {
	i := slices.IndexFunc(f.pg.Senders, func(s Sender) bool { return s.Member == name })
	if i < 0 {
		return Sender{}
	}
	return f.pg.Senders[i]
}

// mayTry tells whether an action's back-off is over.
func (f *facts) mayTry(k ActionKind) bool { return f.o.Now >= f.s.retry(k).NotBefore }
