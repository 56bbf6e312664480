// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// instance notes every call by the name of its RPC and answers with err.
type instance struct {
	pluginv1.UnimplementedPostgresServer
	observe func(pluginv1.Postgres_ObserveServer) error
	err     error
	rpcs    []string
}

// stream and unary are interceptors that answer in place of the RPCs.
func (i *instance) stream(_ any, s grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if strings.HasSuffix(info.FullMethod, "/Observe") {
		return handle(i, s)
	}
	i.rpcs = append(i.rpcs, info.FullMethod)
	if i.err != nil {
		return i.err
	}
	return s.SendMsg(&pluginv1.Progress{Phase: "working", DoneBytes: 1, TotalBytes: 2, DoneAtBoottimeNs: 77})
}

func (i *instance) unary(_ context.Context, _ any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	i.rpcs = append(i.rpcs, info.FullMethod)
	answers := map[string]any{
		pluginv1.Postgres_Follow_FullMethodName: &pluginv1.FollowResponse{},
		pluginv1.Postgres_Detach_FullMethodName: &pluginv1.DetachResponse{Lsn: 0x3000148, Timeline: 3, DoneAtBoottimeNs: 78},
		pluginv1.Postgres_Apply_FullMethodName:  &pluginv1.ApplyResponse{},
	}
	return answers[info.FullMethod], i.err
}

func (i *instance) Observe(_ *pluginv1.ObserveRequest, s pluginv1.Postgres_ObserveServer) error {
	return i.observe(s)
}

// TestEveryActionIsOneCall enumerates the actions: each action is carried out by the RPC of
// its name. That no RPC is left over is TestRequiredCapabilitiesNameRPCs'.
func TestEveryActionIsOneCall(t *testing.T) {
	i := &instance{}
	p := postgresOf(t, i)
	for _, kind := range core.PostgresActions() {
		i.rpcs = nil
		got := p.Do(t.Context(), core.Action{Kind: kind, Epoch: 4, Peer: &core.Peer{Name: "a"}}, func(core.Job) {})
		if got.Kind != kind || got.Epoch != 4 || got.Outcome != core.OutcomeDone {
			t.Errorf("%s: %+v", kind, got)
		}
		if len(i.rpcs) != 1 || !strings.EqualFold(i.rpcs[0], "/plugin.v1.Postgres/"+string(kind)) {
			t.Errorf("%s was carried out by %v", kind, i.rpcs)
		}
	}
}

func postgresOf(t *testing.T, i *instance) *Postgres {
	t.Helper()
	return &Postgres{connected(t, func(s *grpc.Server) { pluginv1.RegisterPostgresServer(s, i) }, grpc.StreamInterceptor(i.stream), grpc.UnaryInterceptor(i.unary))}
}

func TestProgressAndNoteArrive(t *testing.T) {
	p := postgresOf(t, &instance{})
	var jobs []core.Job
	done := p.Do(t.Context(), core.Action{Kind: core.ActStart, Epoch: 2}, func(j core.Job) { jobs = append(jobs, j) })
	if done.At != 77 {
		t.Errorf("start: %+v, want the time of the last progress", done)
	}
	if diff := cmp.Diff([]core.Job{{Kind: core.ActStart, Epoch: 2, Phase: "working", Done: 1, Total: 2}}, jobs); diff != "" {
		t.Error(diff)
	}
	if got := p.Do(t.Context(), core.Action{Kind: core.ActDetach}, nil); got.Message != "detached at 0/3000148 on timeline 3" || got.At != 78 {
		t.Errorf("detach: %+v", got)
	}
}

func TestActionThatCannotBeAskedIsRefused(t *testing.T) {
	i := &instance{}
	p := postgresOf(t, i)
	for _, a := range []core.Action{{Kind: core.ActClone}, {Kind: core.ActRewind}, {Kind: core.ActFollow}, {Kind: core.ActCommit}, {Kind: "dance"}} {
		if got := p.Do(t.Context(), a, nil); got.Outcome != core.OutcomeRefused || got.Message == "" {
			t.Errorf("%s: %+v", a.Kind, got)
		}
	}
	if len(i.rpcs) > 0 {
		t.Errorf("calls %v were made", i.rpcs)
	}
	p.plugin.session = nil
	if got := p.Do(t.Context(), core.Action{Kind: core.ActStop}, nil); got.Outcome != core.OutcomeRefused {
		t.Errorf("plugin down: %+v", got)
	}
}

// TestEveryCodeIsJudged enumerates gRPC's codes over the wire, by a long and by a short call.
func TestEveryCodeIsJudged(t *testing.T) {
	refused := []codes.Code{codes.InvalidArgument, codes.FailedPrecondition, codes.Aborted, codes.Unimplemented, codes.OutOfRange, codes.Unavailable}
	i := &instance{}
	p := postgresOf(t, i)
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		i.err = status.Error(code, "because")
		for _, kind := range []core.ActionKind{core.ActRewind, core.ActFollow} {
			got := p.Do(t.Context(), core.Action{Kind: kind, Peer: &core.Peer{}}, func(core.Job) {})
			want := core.Finished{Kind: kind, Outcome: core.OutcomeUnknown, Message: "because"}
			if slices.Contains(refused, code) {
				want.Outcome, want.Hopeless = core.OutcomeRefused, code == codes.OutOfRange
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s by %s: %s", code, kind, diff)
			}
		}
	}
}

// TestUnavailableOfABrokenConnectionProvesNothing: gRPC's client says UNAVAILABLE by itself, without a trailer.
func TestUnavailableOfABrokenConnectionProvesNothing(t *testing.T) {
	err := status.Error(codes.Unavailable, "error reading from server: EOF")
	if outcome, _ := judge(err, nil); outcome != core.OutcomeUnknown {
		t.Errorf("call: %s", outcome)
	}
	if outcome := judgeCommit(err, metadata.MD{}); outcome != core.OutcomeUnknown {
		t.Errorf("commit: %s", outcome)
	}
}

func TestObservationArrivesWhole(t *testing.T) {
	sent := &pluginv1.ObserveResponse{
		Status: pluginv1.Status_STATUS_RUNNING, Role: pluginv1.Role_ROLE_STANDBY, Message: "m", Empty: true, SystemIdentifier: 1, Timeline: 2,
		Lsn: 3, ReceivedLsn: 4, ReplayedLsn: 5, Receiver: &pluginv1.Receiver{Status: "streaming", Host: "h", Port: 6, SilenceNs: 7, Slot: "s", EndLsn: 14},
		Senders:       []*pluginv1.Sender{{Member: "b", State: "streaming", SyncState: "async", SentLsn: 1, WriteLsn: 2, FlushLsn: 3, ReplayLsn: 4}},
		PostmasterPid: 8, PostmasterStartUnix: 9, ServerVersion: 10, PendingRestart: []string{"p"}, Launched: true, DataDir: "/d", Upstream: "a",
		Checkpointed: true, Slots: []string{"b"}, SynchronousStandbyNames: "n", ReplayPaused: true, ReplayedAtUnixNs: 11_000_000_001,
		SampledAtBoottimeNs: 12, SyncSettled: true, SyncBarrierLsn: 13,
	}
	want := core.Postgres{
		At: 12, Status: core.StatusRunning, Role: core.RoleStandby, Message: "m", Empty: true, SystemID: 1, Timeline: 2, LSN: 3, Received: 4, Replayed: 5,
		Receiver:      &core.Receiver{Status: "streaming", Host: "h", Port: 6, Silence: 7, Slot: "s", End: 14},
		Senders:       []core.Sender{{Member: "b", State: "streaming", SyncState: "async", Sent: 1, Write: 2, Flush: 3, Replay: 4}},
		PostmasterPID: 8, StartedUnix: 9, ServerVersion: 10, PendingRestart: []string{"p"}, Launched: true, DataDir: "/d", Upstream: "a",
		Checkpointed: true, Slots: []string{"b"}, SyncNames: "n", SyncSettled: true, SyncBarrier: 13, ReplayPaused: true, ReplayedAtUnix: 11,
	}
	p := postgresOf(t, &instance{observe: func(s pluginv1.Postgres_ObserveServer) error { return s.Send(sent) }})
	var seen []core.Postgres
	err := p.Observe(t.Context(), core.Second, func(pg core.Postgres) { seen = append(seen, pg) })
	if diff := cmp.Diff([]core.Postgres{want}, seen); diff != "" {
		t.Error(diff)
	}
	if err == nil || !strings.Contains(err.Error(), "plugin ended it") {
		t.Errorf("observation ended with %v", err)
	}
	sent.Receiver.Port = 65536
	if _, err := postgresFromWire(sent); err == nil {
		t.Error("port 65536 was accepted")
	}
}
