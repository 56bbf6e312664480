// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// passage is a hand-over from node1 to node2 as the DCS shows it, a picture at each instant in milliseconds.
type passage struct {
	t *testing.T
	v core.View
	h Handover
}

func begin(t *testing.T) *passage {
	p := &passage{t: t, v: core.View{
		Epoch:     core.Versioned[core.EpochRecord]{Rev: 1, Value: core.EpochRecord{Epoch: 4}},
		Leader:    core.Versioned[core.Leader]{Rev: 1, Value: core.Leader{Holder: "node1", Epoch: 4}},
		Operation: core.Versioned[core.Operation]{Rev: 1, Value: core.Operation{ID: "op1", Kind: core.Switchover, State: core.Pending}},
		Members: []core.Versioned[core.Member]{
			{Rev: 1, Value: core.Member{Name: "node1", Status: core.StatusRunning, Role: core.RolePrimary, Pools: true}},
			{Rev: 1, Value: core.Member{Name: "node2", Status: core.StatusRunning, Role: core.RoleStandby, Pools: true}},
		},
	}}
	p.at(0, func() {})
	return p
}

func (p *passage) at(ms core.Span, change func()) {
	p.v.Members = slices.Clone(p.v.Members)
	change()
	p.h = p.h.Next(&p.v, core.Instant(ms*core.Millisecond))
}

func (p *passage) taken() {
	p.v.Epoch.Value.Epoch, p.v.Leader.Value = 5, core.Leader{Holder: "node2", Epoch: 5}
	p.v.Operation.Value.State = core.Done
}

func (p *passage) want(gap, wait core.Span, took ...core.Span) {
	p.t.Helper()
	for i := range took {
		took[i] *= core.Millisecond
	}
	if !slices.Equal(p.h.Took, took) || p.h.Gap() != gap*core.Millisecond || p.h.Wait() != wait*core.Millisecond {
		p.t.Errorf("stages took %v, gap %s, wait %s", p.h.Took, p.h.Gap(), p.h.Wait())
	}
}

// Ensure each stage of a hand-over is timed, with poolers that hold clients back.
func TestHandover(t *testing.T) {
	p := begin(t)
	node1, node2 := func() *core.Member { return &p.v.Members[0].Value }, func() *core.Member { return &p.v.Members[1].Value }
	p.at(100, func() { p.v.Leader.Value.Handover = "op1" })
	p.want(0, 0, 100)
	p.at(110, func() { node1().Held, node2().Held = "op1", "op1" })
	p.at(120, func() { node1().Status = core.StatusStopping })
	p.at(200, func() { p.v.Leader.Value.Released = true })
	p.at(230, p.taken)
	if p.h.Over() {
		t.Error("over before it opened")
	}
	p.at(300, func() { node2().Role = core.RolePrimary })
	p.at(310, func() { node1().Held = "" })
	p.want(0, 0, 100, 20, 80, 30, 70)
	p.at(320, func() { node2().Held = "" })
	p.want(180, 220, 100, 20, 80, 30, 70, 20)
	p.at(999, func() { p.v.Leader.Value.Released = true })
	if !p.h.Over() || len(p.h.Took) != int(stages) || p.h.From != "node1" {
		t.Errorf("%+v", p.h)
	}
}

// Ensure stages that are seen to end together count once, and poolers that are not there for nothing.
func TestHandoverWithoutPoolers(t *testing.T) {
	p := begin(t)
	p.at(50, func() { p.v.Leader.Value.Released = true })
	p.at(80, func() { p.taken(); p.v.Members[1].Value.Role = core.RolePrimary })
	p.want(30, 0, 50, 0, 0, 30, 0, 0)
}

// Ensure a hand-over that is called off has no end, and the next one begins anew.
func TestHandoverCalledOff(t *testing.T) {
	p := begin(t)
	p.at(50, func() { p.v.Leader.Value.Handover = "op1" })
	p.at(60, func() { p.v.Operation.Value.State = core.Failed })
	p.at(70, func() { p.taken(); p.v.Members[1].Value.Role = core.RolePrimary })
	if !p.h.calledOff || p.h.Over() {
		t.Errorf("%+v", p.h)
	}
	p.at(80, func() { p.v.Operation.Value = core.Operation{ID: "op2", Kind: core.Switchover, State: core.Pending} })
	if p.h.ID != "op2" || p.h.calledOff || len(p.h.Took) != 0 || p.h.From != "node2" {
		t.Errorf("%+v", p.h)
	}
}
