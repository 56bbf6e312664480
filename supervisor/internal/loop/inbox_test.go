// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// woken tells, once, whether the loop was woken.
func (in *inbox) woken() bool {
	select {
	case <-in.wake:
		return true
	default:
		return false
	}
}

// Ensure what is quiet waits for the next tick if the last one left nothing under way, is not lost, and that everything
// else wakes.
func TestQuiet(t *testing.T) {
	in := inbox{wake: make(chan struct{}, 1), flying: map[core.CommitPurpose]bool{}}
	beat := func(n uint64, s core.Status) *core.View {
		return &core.View{Members: []core.Versioned[core.Member]{{Rev: core.Revision(n), Value: core.Member{Beat: n, Status: s}}}}
	}
	pg := func(at core.Instant, role core.Role) core.Postgres {
		return core.Postgres{At: at, Status: core.StatusRunning, Role: role, LSN: core.LSN(at)}
	}
	in.picture(beat(1, core.StatusRunning), "a")
	in.report(pg(1, core.RoleStandby))
	in.woken()
	for _, step := range []struct {
		name  string
		calm  bool
		do    func()
		wakes bool
	}{
		{"beat", false, func() { in.picture(beat(2, core.StatusRunning), "a") }, true},
		{"beat, calm", true, func() { in.picture(beat(3, core.StatusRunning), "a") }, false},
		{"crash, calm", true, func() { in.picture(beat(4, core.StatusCrashed), "a") }, true},
		{"position", false, func() { in.report(pg(2, core.RoleStandby)) }, true},
		{"position, calm", true, func() { in.report(pg(3, core.RoleStandby)) }, false},
		{"role, calm", true, func() { in.report(pg(4, core.RolePrimary)) }, true},
	} {
		in.settle(step.calm)
		step.do()
		if woken := in.woken(); woken != step.wakes {
			t.Errorf("%s: woken %t", step.name, woken)
		}
	}
	in.settle(true)
	o := in.take(9, &dog{}, newPeers())
	if o.View.Members[0].Value.Beat != 4 || o.Postgres.At != 4 {
		t.Errorf("the tick sees beat %d and the report of %d", o.View.Members[0].Value.Beat, o.Postgres.At)
	}
	if in.picture(beat(5, core.StatusCrashed), "a"); !in.woken() {
		t.Error("a beat during a tick waits for the next but one")
	}
}
