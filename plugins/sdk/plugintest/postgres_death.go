// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
)

// crash: a killed postmaster is noticed, its processes are proven gone, and the end of its WAL is told:
// not less than what it acknowledged.
func (s *story) crash(t *testing.T) {
	s.b.has(t, "before the checkpoint")
	s.detachB(t)
	s.a.note(t, "on the losing side")
	end, err := strconv.ParseUint(s.a.sql(t, "SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text"), 10, 64)
	if err != nil {
		t.Fatalf("flush position: %v", err)
	}
	s.a.signal(t, syscall.SIGKILL)
	state := s.crashed(t, s.a)
	if state.GetLsn() < end || state.GetLsn() > end+1<<20 {
		t.Errorf("end of WAL %d, but %d was flushed", state.GetLsn(), end)
	}
	if state.GetRole() != pluginv1.Role_ROLE_PRIMARY || state.GetSystemIdentifier() != s.identifier {
		t.Errorf("crashed primary: %v", state)
	}
}

// crashed waits until a node is seen as crashed and empty, and checks the latter.
func (s *story) crashed(t *testing.T, n *node) *pluginv1.ObserveResponse {
	t.Helper()
	n.await(t, "crashed, empty, with the end of its WAL", func(o *pluginv1.ObserveResponse) bool {
		return o.GetStatus() == pluginv1.Status_STATUS_CRASHED && o.GetEmpty() && o.GetLsn() != 0
	})
	return n.empty(t)
}

func (s *story) failover(t *testing.T) {
	old := s.a.observe(t).GetTimeline()
	must(t, "promote")(s.b.client().Promote(within(t, Patience), &pluginv1.PromoteRequest{
		Epoch: s.next(), MinTimeline: old, Members: []string{s.a.Name},
	}))
	state := s.b.observe(t)
	if state.GetRole() != pluginv1.Role_ROLE_PRIMARY || state.GetTimeline() <= old {
		t.Fatalf("after promote: %v", state)
	}
	s.b.note(t, "on the winning side")
}

// rewind: the diverged primary becomes a standby that has what the new one has and nothing else.
func (s *story) rewind(t *testing.T) {
	req := &pluginv1.RewindRequest{Epoch: s.epoch, Source: s.b.peer()}
	must(t, "rewind")(s.a.client().Rewind(within(t, Patience), req))
	if state := s.a.empty(t); state.GetSystemIdentifier() != s.identifier {
		t.Fatalf("after rewind: %v", state)
	}
	s.a.start(t, s.epoch, s.b.peer())
	s.streaming(t, s.b, s.a)
	s.a.has(t, "on the winning side")
	if got := s.a.sql(t, "SELECT count(*) FROM notes WHERE note = 'on the losing side'"); got != "0" {
		t.Error("a row of the losing side came through the rewind")
	}
}

// rewindAgain: on a standby that did not diverge it succeeds and costs nothing.
func (s *story) rewindAgain(t *testing.T) {
	s.a.stop(t, s.epoch, 20*time.Second)
	before := s.a.observe(t).GetLsn()
	for range 2 {
		must(t, "rewind")(s.a.client().Rewind(within(t, Patience), &pluginv1.RewindRequest{Epoch: s.epoch, Source: s.b.peer()}))
	}
	if state := s.a.observe(t); state.GetStatus() != pluginv1.Status_STATUS_STOPPED || state.GetLsn() != before {
		t.Errorf("rewind without need went from %d to %v", before, state)
	}
	s.a.start(t, s.epoch, s.b.peer())
	s.streaming(t, s.b, s.a)
}

func (s *story) standbyCrashes(t *testing.T) {
	s.a.signal(t, syscall.SIGKILL)
	s.crashed(t, s.a)
	s.a.start(t, s.epoch, s.b.peer())
	s.streaming(t, s.b, s.a)
}

// primaryReturns: what was a primary starts as a standby, and is promoted again.
func (s *story) primaryReturns(t *testing.T) {
	s.b.note(t, "before the crash")
	s.b.signal(t, syscall.SIGKILL)
	timeline := s.crashed(t, s.b).GetTimeline()
	s.b.start(t, s.epoch, nil)
	if state := s.b.observe(t); state.GetRole() != pluginv1.Role_ROLE_STANDBY {
		t.Fatalf("crashed primary after start: %v", state)
	}
	s.b.readOnly(t)
	must(t, "promote")(s.b.client().Promote(within(t, Patience), &pluginv1.PromoteRequest{
		Epoch: s.next(), MinTimeline: timeline, Members: []string{s.a.Name},
	}))
	s.b.has(t, "before the crash")
	s.streaming(t, s.b, s.a)
}

// stopFrozen: a postmaster that does not answer is killed when the patience is over.
func (s *story) stopFrozen(t *testing.T) {
	s.b.signal(t, syscall.SIGSTOP)
	s.b.stop(t, s.epoch, time.Second)
	if state := s.b.empty(t); state.GetStatus() != pluginv1.Status_STATUS_CRASHED {
		t.Errorf("after stop of a frozen one: %v", state)
	}
}

func (s *story) stop(t *testing.T) {
	for range 2 {
		s.a.stop(t, s.epoch, 30*time.Second)
		if state := s.a.empty(t); state.GetStatus() != pluginv1.Status_STATUS_STOPPED || state.GetLsn() == 0 {
			t.Errorf("after stop: %v", state)
		}
	}
}

func (s *story) refusals(t *testing.T) {
	c := s.a.client()
	wantCode(t, "promote of a stopped one", codes.FailedPrecondition)(
		c.Promote(within(t, Patience), &pluginv1.PromoteRequest{Epoch: s.epoch}))
	wantCode(t, "checkpoint on a stopped one", codes.FailedPrecondition)(
		c.Checkpoint(within(t, Patience), &pluginv1.CheckpointRequest{Epoch: s.epoch}))
	s.a.empty(t)
}
