// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
)

// apply: a slot for each member and none for others, and the synchronous standbys.
func (s *story) apply(t *testing.T) {
	sync := "ANY 1 (" + s.b.Name + ")"
	for range 2 {
		s.applyTo(t, s.a, sync, s.b.Name, "third")
		state := s.a.await(t, "synchronous", func(o *pluginv1.ObserveResponse) bool { return o.GetSynchronousStandbyNames() == sync })
		if len(state.GetSlots()) != 2 {
			t.Errorf("slots for two members: %v", state.GetSlots())
		}
	}
	s.a.await(t, "in a quorum", func(o *pluginv1.ObserveResponse) bool {
		return slices.ContainsFunc(o.GetSenders(), func(x *pluginv1.Sender) bool { return x.GetSyncState() == "quorum" })
	})
	s.a.note(t, "acknowledged by the standby")
	s.applyTo(t, s.a, "", s.b.Name)
	s.a.await(t, "asynchronous with one slot", func(o *pluginv1.ObserveResponse) bool {
		return o.GetSynchronousStandbyNames() == "" && len(o.GetSlots()) == 1
	})
	s.streaming(t, s.a, s.b)
}

// settle: the value is proven to be in force, which is told with the position it counts from; settling again changes
// nothing, what is not known to be settled is not said to be, and a standby can settle, too.
func (s *story) settle(t *testing.T) {
	sync := "ANY 1 (" + s.b.Name + ")"
	first := s.settleTo(t, s.a, sync)
	before, err := strconv.ParseUint(s.a.sql(t, "SELECT pg_current_wal_insert_lsn() - '0/0'"), 10, 64)
	if err != nil || first == 0 || first > before {
		t.Errorf("barrier %d, log written to %d, %v", first, before, err)
	}
	if again := s.settleTo(t, s.a, sync); again != first {
		t.Errorf("settled again: barrier went from %d to %d", first, again)
	}
	s.a.note(t, "acknowledged past the barrier")
	s.applyTo(t, s.a, "", s.b.Name)
	s.a.await(t, "not settled", func(o *pluginv1.ObserveResponse) bool {
		return o.GetSynchronousStandbyNames() == "" && !o.GetSyncSettled() && o.GetSyncBarrierLsn() == 0
	})
	s.settleTo(t, s.a, "")
	if barrier := s.settleTo(t, s.b, sync); barrier != 0 {
		t.Errorf("barrier of a standby: %d", barrier)
	}
	s.settleTo(t, s.b, "")
}

// settleTo settles a value and returns the barrier.
func (s *story) settleTo(t *testing.T, n *node, sync string) uint64 {
	t.Helper()
	other := s.a
	if n == s.a {
		other = s.b
	}
	resp, err := n.client().Apply(within(t, Patience), &pluginv1.ApplyRequest{
		Epoch: s.epoch, Members: []string{other.Name}, SynchronousStandbyNames: sync, Settle: true,
	})
	if err != nil {
		t.Fatalf("apply with settle: %v", err)
	}
	state := n.await(t, "seen after apply", func(o *pluginv1.ObserveResponse) bool {
		return o.GetSampledAtBoottimeNs() >= resp.GetDoneAtBoottimeNs()
	})
	if !state.GetSyncSettled() || state.GetSynchronousStandbyNames() != sync {
		t.Errorf("settled %q: %v", sync, state)
	}
	return state.GetSyncBarrierLsn()
}

func (s *story) applyTo(t *testing.T, n *node, sync string, members ...string) {
	t.Helper()
	resp, err := n.client().Apply(within(t, Patience), &pluginv1.ApplyRequest{
		Epoch: s.epoch, Members: members, SynchronousStandbyNames: sync,
	})
	if err != nil || resp.GetDoneAtBoottimeNs() <= 0 {
		t.Fatalf("apply: %v, %v", resp, err)
	}
}

// parameters: what can be reloaded is in force, what cannot waits and is said to.
func (s *story) parameters(t *testing.T) {
	pid := s.a.observe(t).GetPostmasterPid()
	s.a.Set(t, "log_min_duration_statement", "4321")
	s.a.Set(t, "max_files_per_process", "901")
	s.applyTo(t, s.a, "", s.b.Name)
	s.a.await(t, "waiting for a restart", func(o *pluginv1.ObserveResponse) bool {
		return slices.Contains(o.GetPendingRestart(), "max_files_per_process")
	})
	Eventually(t, "reloaded parameter", func() bool {
		return s.a.sql(t, "SELECT setting FROM pg_settings WHERE name = 'log_min_duration_statement'") == "4321"
	})
	if now := s.a.observe(t).GetPostmasterPid(); now != pid {
		t.Errorf("apply replaced postmaster %d by %d", pid, now)
	}
}

// pluginRestarts: PostgreSQL does not notice, and the new plugin finds it and remembers the epoch.
func (s *story) pluginRestarts(t *testing.T) {
	before := s.a.observe(t)
	s.a.Conn = s.a.Restart(s.whole)
	after := s.a.await(t, "running", func(o *pluginv1.ObserveResponse) bool {
		return o.GetStatus() == pluginv1.Status_STATUS_RUNNING && o.GetRole() == pluginv1.Role_ROLE_PRIMARY
	})
	if after.GetPostmasterPid() != before.GetPostmasterPid() || after.GetPostmasterStartUnix() != before.GetPostmasterStartUnix() || !after.GetLaunched() {
		t.Errorf("a restart of the plugin changed\n%v\nto\n%v", before, after)
	}
	wantCode(t, "older epoch after a restart", codes.Aborted)(
		s.a.client().Stop(within(t, Patience), &pluginv1.PostgresStopRequest{Epoch: s.epoch - 1}))
	s.streaming(t, s.a, s.b)
}

// detach: from the answer on not a byte more arrives.
func (s *story) detach(t *testing.T) {
	s.a.note(t, "before detach")
	s.b.has(t, "before detach")
	resp := s.detachB(t)
	s.detachedAt = resp.GetLsn()
	if resp.GetLsn() == 0 || resp.GetTimeline() != s.a.observe(t).GetTimeline() {
		t.Errorf("detach: %v", resp)
	}
	s.a.note(t, "after detach")
	s.a.sql(t, "SELECT pg_switch_wal()")
	s.staysDetached(t)
	if again := s.detachB(t); again.GetLsn() != resp.GetLsn() {
		t.Errorf("detach again: went from %d to %d", resp.GetLsn(), again.GetLsn())
	}
}

func (s *story) detachB(t *testing.T) *pluginv1.DetachResponse {
	t.Helper()
	resp, err := s.b.client().Detach(within(t, Patience), &pluginv1.DetachRequest{Epoch: s.epoch})
	if err != nil || resp.GetDoneAtBoottimeNs() <= 0 {
		t.Fatalf("detach: %v, %v", resp, err)
	}
	return resp
}

// staysDetached looks for longer than a receiver would take to come back.
func (s *story) staysDetached(t *testing.T) {
	t.Helper()
	until := time.Now().Add(2 * time.Second)
	s.b.await(t, "detached for two seconds", func(o *pluginv1.ObserveResponse) bool {
		known := o.GetStatus() == pluginv1.Status_STATUS_RUNNING // a plugin that has just begun may not have heard yet
		if o.GetReceiver() != nil || o.GetUpstream() != "" || (known && o.GetLsn() != s.detachedAt) {
			t.Fatalf("detached at %d: %v", s.detachedAt, o)
		}
		return known && time.Now().After(until)
	})
	if got := s.b.sql(t, "SELECT count(*) FROM notes WHERE note = 'after detach'"); got != "0" {
		t.Error("WAL arrived after detach")
	}
}

func (s *story) detachSurvives(t *testing.T) {
	s.b.Conn = s.b.Restart(s.whole)
	s.staysDetached(t)
	s.b.stop(t, s.epoch, 20*time.Second)
	s.b.start(t, s.epoch, nil)
	s.staysDetached(t)
}

func (s *story) follow(t *testing.T) {
	for range 2 {
		resp, err := s.b.client().Follow(within(t, Patience), &pluginv1.FollowRequest{Epoch: s.epoch, Upstream: s.a.peer()})
		if err != nil || resp.GetDoneAtBoottimeNs() <= 0 {
			t.Fatalf("follow: %v, %v", resp, err)
		}
		s.streamingOnce(t)
	}
	s.b.has(t, "after detach")
}

func (s *story) streamingOnce(t *testing.T) {
	t.Helper()
	s.b.await(t, "streaming", func(o *pluginv1.ObserveResponse) bool { return o.GetReceiver().GetStatus() == "streaming" })
}

func (s *story) checkpoint(t *testing.T) {
	before := s.a.sql(t, "SELECT redo_lsn FROM pg_control_checkpoint()")
	s.a.note(t, "before the checkpoint")
	must(t, "checkpoint")(s.a.client().Checkpoint(within(t, Patience), &pluginv1.CheckpointRequest{Epoch: s.epoch}))
	if after := s.a.sql(t, "SELECT redo_lsn FROM pg_control_checkpoint()"); after == before {
		t.Errorf("checkpoint stays at %s", before)
	}
}

// stopAll ends what a failed story left running.
func (s *story) stopAll(t testing.TB) {
	for _, n := range []*node{s.a, s.b} {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		err := finish(n.client().Stop(ctx, &pluginv1.PostgresStopRequest{Epoch: s.epoch}))
		cancel()
		if err != nil {
			t.Errorf("stop of %s at the end: %v", n.Name, err)
		}
	}
}
