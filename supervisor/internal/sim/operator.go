// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"strconv"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// operate is an operator who asks a member for something.
func (w *world) operate(h *host, what string) {
	l := h.life
	if l == nil || h.frozen > 0 || l.o.View == nil || !w.reaches(h) {
		return
	}
	v := l.o.View
	switch what {
	case "pause", "resume":
		if v.Config.Value.Paused != (what == "pause") {
			w.transact("operator", []core.Compare{{Key: core.KeyConfig, Rev: v.Config.Rev}}, []core.Write{{Key: core.KeyConfig, Record: core.Config{Paused: what == "pause"}}})
		}
		return
	}
	w.judge.serial++
	op := core.Operation{ID: strconv.Itoa(w.judge.serial), Kind: core.OperationKind(what), State: core.Pending}
	if op.To = w.hosts[w.rng.Intn(len(w.hosts))].name; what == "switchover" && w.chance(0.3) {
		op.To = ""
	}
	op.Force = w.quorum && what == "failover" && w.chance(0.3)
	o := l.o
	o.Now = w.clock(h)
	if refusal := core.Admit(l.state, o, h.policy, op); refusal != nil {
		w.say("operator: %s to %s refused: %s", what, op.To, refusal.Reason)
		return
	}
	w.say("operator: %s to %s", what, op.To)
	w.transact("operator", []core.Compare{{Key: core.KeyOperation, Rev: v.Operation.Rev}}, []core.Write{{Key: core.KeyOperation, Record: op}})
}
