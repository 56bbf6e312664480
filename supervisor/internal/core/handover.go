// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"fmt"
	"slices"
)

// handoverAsked: a switchover, or a failover while the leader lives, is pending.
func (f *facts) handoverAsked() bool { return f.op.Kind == Switchover || f.op.Kind == Failover }

// handoverBlocker tells why a pending hand-over cannot happen; empty while it can.
func (f *facts) handoverBlocker() string {
	switch {
	case f.op.Kind == Switchover && f.op.From != "" && f.op.From != f.p.Self.Name:
		return fmt.Sprintf("the leader is %s, not %s", f.p.Self.Name, f.op.From)
	case f.op.To == f.p.Self.Name:
		return fmt.Sprintf("%s leads already", f.op.To)
	case f.s.Operation.At != 0 && f.o.Now.Sub(f.s.Operation.At) >= f.p.OperationTimeout():
		return "the candidate did not catch up in time"
	case f.op.To == "" && f.candidate() == "":
		return "no member can take over"
	case f.op.To != "":
		return f.unfit(f.op.To)
	}
	return ""
}

// unfit tells why a member cannot take over from us now; empty when it can.
func (f *facts) unfit(name string) string {
	m := f.view.Member(name)
	switch {
	case !m.Exists():
		return fmt.Sprintf("there is no member %s", name)
	case !f.alive(name):
		return fmt.Sprintf("the supervisor of %s is silent", name)
	case m.Value.Lacking && quorate(f.o.View):
		return fmt.Sprintf("%s may lack what it once acknowledged", name)
	case m.Value.NoFailover:
		return fmt.Sprintf("%s is tagged nofailover", name)
	case m.Value.Status != StatusRunning || m.Value.Role != RoleStandby:
		return fmt.Sprintf("%s is not a running standby", name)
	}
	return ""
}

// candidate is whom to hand over to: the named member, else the best fit one; empty when there is none.
func (f *facts) candidate() string {
	if f.op.To != "" {
		return f.op.To
	}
	var fit []standing
	for _, m := range f.view.Members {
		if s := f.sender(m.Value.Name); f.unfit(m.Value.Name) == "" && s.State == "streaming" {
			fit = append(fit, standing{lsn: 0, priority: m.Value.Priority, name: m.Value.Name})
		}
	}
	slices.SortFunc(fit, func(a, b standing) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(f.sender(b.name).Flush, f.sender(a.name).Flush), cmp.Compare(a.name, b.name))
	})
	if len(fit) == 0 {
		return ""
	}
	return fit[0].name
}

// handoverSlack is how far behind a candidate may be when the primary stops: it receives the rest during the stop.
const handoverSlack = 1 << 20

// candidateCaughtUp: the candidate streams and is at most a megabyte behind.
func (f *facts) candidateCaughtUp() bool {
	s := f.sender(f.candidate())
	return s.State == "streaming" && s.Flush+handoverSlack >= f.pg.LSN
}
