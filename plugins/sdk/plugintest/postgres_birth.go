// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"testing"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// minTimeline is a timeline that other members are said to have used before.
const minTimeline = 3

func (s *story) nothingThere(t *testing.T) {
	for _, n := range []*node{s.a, s.b} {
		state := n.empty(t)
		if state.GetStatus() != pluginv1.Status_STATUS_ABSENT || state.GetSystemIdentifier() != 0 {
			t.Errorf("%s: %v", n.Name, state)
		}
	}
}

func (s *story) bootstrap(t *testing.T) {
	req := &pluginv1.BootstrapRequest{Epoch: s.next()}
	must(t, "bootstrap")(s.a.client().Bootstrap(within(t, Patience), req))
	state := s.a.empty(t)
	s.identifier = state.GetSystemIdentifier()
	if state.GetStatus() != pluginv1.Status_STATUS_STOPPED || s.identifier == 0 {
		t.Fatalf("after bootstrap: %v", state)
	}
	err := finish(s.a.client().Bootstrap(within(t, Patience), req))
	if code := status.Code(err); code != codes.OK && code != codes.FailedPrecondition {
		t.Errorf("bootstrap again: got %v, want success or %s", err, codes.FailedPrecondition)
	}
	if again := s.a.observe(t).GetSystemIdentifier(); again != s.identifier {
		t.Errorf("bootstrap again replaced system %d by %d", s.identifier, again)
	}
}

func (s *story) start(t *testing.T) {
	s.a.start(t, s.epoch, nil)
	state := s.a.observe(t)
	if state.GetStatus() != pluginv1.Status_STATUS_RUNNING || state.GetRole() != pluginv1.Role_ROLE_STANDBY {
		t.Fatalf("after start: %v", state)
	}
	if !state.GetLaunched() || state.GetEmpty() || state.GetPostmasterStartUnix() == 0 || state.GetServerVersion() < 130000 {
		t.Errorf("after start: %v", state)
	}
	s.a.readOnly(t)
	s.a.start(t, s.epoch, nil)
	if again := s.a.observe(t).GetPostmasterPid(); again != state.GetPostmasterPid() {
		t.Errorf("start again replaced postmaster %d by %d", state.GetPostmasterPid(), again)
	}
}

func (s *story) promote(t *testing.T) {
	req := &pluginv1.PromoteRequest{Epoch: s.next(), MinTimeline: minTimeline, Members: []string{s.b.Name}}
	must(t, "promote")(s.a.client().Promote(within(t, Patience), req))
	state := s.a.observe(t)
	if state.GetRole() != pluginv1.Role_ROLE_PRIMARY || state.GetTimeline() <= minTimeline || state.GetLsn() == 0 {
		t.Fatalf("after promote: %v", state)
	}
	if len(state.GetSlots()) != 1 {
		t.Errorf("slots after promote: %v, want one for %s", state.GetSlots(), s.b.Name)
	}
	s.a.sql(t, "CREATE TABLE notes (note text PRIMARY KEY)")
	s.a.note(t, "first")
	must(t, "promote again")(s.a.client().Promote(within(t, Patience), req))
	if again := s.a.observe(t); again.GetTimeline() != state.GetTimeline() || again.GetPostmasterPid() != state.GetPostmasterPid() {
		t.Errorf("promote again changed\n%v\nto\n%v", state, again)
	}
	s.a.await(t, "checkpointed", func(o *pluginv1.ObserveResponse) bool { return o.GetCheckpointed() })
}

// olderEpoch: every call that changes something refuses an epoch that is over.
func (s *story) olderEpoch(t *testing.T) {
	before := s.a.observe(t)
	c, old := s.a.client(), s.epoch-1
	wantCode(t, "start", codes.Aborted)(c.Start(within(t, Patience), &pluginv1.StartRequest{Epoch: old}))
	wantCode(t, "stop", codes.Aborted)(c.Stop(within(t, Patience), &pluginv1.PostgresStopRequest{Epoch: old}))
	wantCode(t, "promote", codes.Aborted)(c.Promote(within(t, Patience), &pluginv1.PromoteRequest{Epoch: old}))
	wantCode(t, "bootstrap", codes.Aborted)(c.Bootstrap(within(t, Patience), &pluginv1.BootstrapRequest{Epoch: old}))
	wantCode(t, "clone", codes.Aborted)(c.Clone(within(t, Patience), &pluginv1.CloneRequest{Epoch: old, Source: s.b.peer(), Replace: true}))
	wantCode(t, "rewind", codes.Aborted)(c.Rewind(within(t, Patience), &pluginv1.RewindRequest{Epoch: old, Source: s.b.peer()}))
	wantCode(t, "checkpoint", codes.Aborted)(c.Checkpoint(within(t, Patience), &pluginv1.CheckpointRequest{Epoch: old}))
	_, follow := c.Follow(within(t, Patience), &pluginv1.FollowRequest{Epoch: old, Upstream: s.b.peer()})
	_, detach := c.Detach(within(t, Patience), &pluginv1.DetachRequest{Epoch: old})
	_, apply := c.Apply(within(t, Patience), &pluginv1.ApplyRequest{Epoch: old, SynchronousStandbyNames: "x"})
	for what, err := range map[string]error{"follow": follow, "detach": detach, "apply": apply} {
		if got := status.Code(err); got != codes.Aborted {
			t.Errorf("%s: got %v, want %s", what, err, codes.Aborted)
		}
	}
	after := s.a.observe(t)
	if after.GetRole() != pluginv1.Role_ROLE_PRIMARY || after.GetPostmasterPid() != before.GetPostmasterPid() || after.GetSynchronousStandbyNames() != "" {
		t.Errorf("calls of an older epoch changed\n%v\nto\n%v", before, after)
	}
}

// clone: while it runs no other long call does; cancelled, it leaves nothing that keeps the next from
// succeeding.
func (s *story) clone(t *testing.T) {
	s.a.sql(t, "CREATE TABLE ballast AS SELECT i, repeat(md5(i::text), 10) AS filler FROM generate_series(1, 150000) i")
	req := &pluginv1.CloneRequest{Epoch: s.epoch, Source: s.a.peer(), Replace: true}
	ctx, cancel := context.WithCancel(within(t, Patience))
	defer cancel()
	running, err := s.b.client().Clone(ctx, req)
	if err == nil {
		_, err = running.Recv()
	}
	if err != nil {
		t.Fatalf("clone: %v", err)
	}
	wantCode(t, "start during a clone", codes.FailedPrecondition)(
		s.b.client().Start(within(t, Patience), &pluginv1.StartRequest{Epoch: s.epoch}))
	cancel()
	s.cloneAfterCancel(t, req)
	state := s.b.empty(t)
	if state.GetStatus() != pluginv1.Status_STATUS_STOPPED || state.GetSystemIdentifier() != s.identifier {
		t.Fatalf("after clone: %v", state)
	}
}

// cloneAfterCancel repeats a clone while the cancelled one is still winding up.
func (s *story) cloneAfterCancel(t *testing.T, req *pluginv1.CloneRequest) {
	t.Helper()
	var refusal string
	Eventually(t, "a clone after a cancelled one", func() bool {
		err := finish(s.b.client().Clone(within(t, Patience), req))
		if err != nil && status.Code(err) != codes.FailedPrecondition {
			t.Fatalf("clone after a cancelled one: %v", err)
		}
		if err != nil && err.Error() != refusal {
			refusal = err.Error()
			t.Logf("clone after a cancelled one: %s", refusal)
		}
		return err == nil
	})
}

func (s *story) stream(t *testing.T) {
	s.b.start(t, s.epoch, s.a.peer())
	s.streaming(t, s.a, s.b)
	if got := s.b.sql(t, "SELECT count(*) FROM ballast"); got != "150000" {
		t.Errorf("%s rows of ballast arrived, want 150000", got)
	}
	s.b.readOnly(t)
}

// streaming waits until both sides say that standby streams from primary, and a note gets through.
func (s *story) streaming(t *testing.T, primary, standby *node) {
	t.Helper()
	state := standby.await(t, "streaming", func(o *pluginv1.ObserveResponse) bool {
		return o.GetStatus() == pluginv1.Status_STATUS_RUNNING && o.GetReceiver().GetStatus() == "streaming"
	})
	if state.GetRole() != pluginv1.Role_ROLE_STANDBY || state.GetUpstream() != primary.Name || !state.GetLaunched() {
		t.Errorf("streaming standby: %v", state)
	}
	if r := state.GetReceiver(); r.GetHost() != primary.Host || r.GetPort() != primary.Port {
		t.Errorf("receiver: %v, want %s:%d", r, primary.Host, primary.Port)
	}
	primary.await(t, "sending", func(o *pluginv1.ObserveResponse) bool {
		for _, sender := range o.GetSenders() {
			if sender.GetMember() == standby.Name && sender.GetState() == "streaming" && sender.GetFlushLsn() > 0 {
				return true
			}
		}
		return false
	})
	text := t.Name()
	primary.note(t, text)
	standby.has(t, text)
}
