// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// slow scripts an action that reports progress and takes until it is told to end, or cancelled.
func (n *node) slow(k core.ActionKind) (end chan struct{}) {
	end = make(chan struct{})
	n.pg.script[k] = func(ctx context.Context, progress func(core.Job)) core.Finished {
		progress(core.Job{Phase: "copying", Done: 5, Total: 10})
		select {
		case <-end:
			return core.Finished{Outcome: core.OutcomeDone}
		case <-ctx.Done():
			return core.Finished{Outcome: core.OutcomeUnknown, Message: "cancelled"}
		}
	}
	return end
}

// Ensure there is one slot for actions of PostgreSQL: a second one is dropped, progress shows, the end is told once.
func TestJobSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		end := n.slow(core.ActClone)
		since := n.clock()
		n.do(t.Context(), core.Action{Kind: core.ActClone, Epoch: 3})
		n.do(t.Context(), core.Action{Kind: core.ActStop, Epoch: 3})
		synctest.Wait()
		want := core.Job{Kind: core.ActClone, Epoch: 3, Since: since, Phase: "copying", Done: 5, Total: 10}
		if got := n.inbox.take(n.clock(), n.dog, n.peers).Job; got == nil || *got != want {
			t.Errorf("job %+v, want %+v", got, want)
		}
		pass(time.Second)
		close(end)
		n.lanes.wait()
		o := n.inbox.take(n.clock(), n.dog, n.peers)
		if len(o.Finished) != 1 || o.Job != nil {
			t.Fatalf("finished %+v, job %+v", o.Finished, o.Job)
		}
		if f := o.Finished[0]; f.Kind != core.ActClone || f.Epoch != 3 || f.Outcome != core.OutcomeDone || f.At != n.clock() {
			t.Errorf("finished %+v", f)
		}
		if got := n.pg.did(); len(got) != 1 {
			t.Errorf("done %v", got)
		}
		if again := n.inbox.take(n.clock(), n.dog, n.peers).Finished; len(again) != 0 {
			t.Errorf("told again: %v", again)
		}
	})
}

// Ensure progress that comes after the end brings no job back.
func TestLateProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		var late func(core.Job)
		n.pg.script[core.ActClone] = func(_ context.Context, progress func(core.Job)) core.Finished {
			late = progress
			return core.Finished{Outcome: core.OutcomeDone}
		}
		n.do(t.Context(), core.Action{Kind: core.ActClone})
		n.lanes.wait()
		late(core.Job{Phase: "copying"})
		if n.observation().Job != nil {
			t.Error("the job is back")
		}
	})
}

// Ensure an end that a plugin dates into the future counts from now: nothing would be newer.
func TestEndFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.pg.script[core.ActClone] = func(context.Context, func(core.Job)) core.Finished {
			return core.Finished{Outcome: core.OutcomeDone, At: n.clock().Add(1000 * core.Second)}
		}
		n.do(t.Context(), core.Action{Kind: core.ActClone})
		n.lanes.wait()
		if at := n.observation().Finished[0].At; at != n.clock() {
			t.Errorf("at %d, now %d", at, n.clock())
		}
	})
}

// Ensure a fence ends what the plugin is doing.
func TestFenceCancelsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.slow(core.ActStop)
		n.do(t.Context(), core.Action{Kind: core.ActStop})
		pass(time.Second)
		n.fence(t.Context())
		n.lanes.wait()
		o := n.observation()
		if o.Job != nil || len(o.Finished) != 1 || o.Finished[0].Outcome != core.OutcomeUnknown {
			t.Errorf("job %+v, finished %+v", o.Job, o.Finished)
		}
		if o.Postgres == nil || o.Postgres.Status != core.StatusCrashed {
			t.Errorf("PostgreSQL %+v", o.Postgres)
		}
	})
}
