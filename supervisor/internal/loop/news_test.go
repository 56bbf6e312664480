// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure the log says once who leads instead, and what becomes of an operation.
func TestNews(t *testing.T) {
	n := newNode(t, "a", newRegister())
	view := func(holder string, epoch core.Epoch, state core.OperationState) *core.View {
		v := &core.View{}
		v.Leader.Value.Holder, v.Leader.Value.Epoch = holder, epoch
		v.Operation.Value = core.Operation{ID: "x", Kind: core.Switchover, State: state, Result: "why"}
		return v
	}
	asked := view("a", 1, core.Pending)
	n.Loop.state.Hold.Epoch, n.Loop.state.TakenBy = 1, "V-240"
	for _, v := range []*core.View{nil, view("a", 1, ""), asked, asked, view("a", 1, core.Pending), nil} {
		n.news(v)
	}
	n.Loop.state.Hold.Epoch = 0
	n.news(view("b", 2, core.Done))
	n.news(view("b", 2, core.Failed))
	for _, want := range []string{
		`"leadership taken" epoch=1`, `"operation asked for" operation=switchover`, `"leadership lost" epoch=1`,
		`"new leader" leader=b epoch=2 before=a`, `"operation done" operation=switchover`, `"operation failed" operation=switchover result=why`,
	} {
		if got := n.journal.count(want); got != 1 {
			t.Errorf("log says %d times %s", got, want)
		}
	}
}
