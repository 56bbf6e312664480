// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// connected is a plugin whose services run in this process.
func connected(t *testing.T, register func(*grpc.Server), options ...grpc.ServerOption) *Plugin {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(options...)
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	s := &session{spec: Spec{Name: "fake"}, suspected: make(chan struct{}, 1)}
	s.configured.Store(true)
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
	conn, err := grpc.NewClient("passthrough:fake", append(s.dialOptions(), dial, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	must(t, err)
	s.conn, s.base = conn, pluginv1.NewBaseClient(conn)
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		must(t, <-served)
	})
	p := newPlugin(Spec{Name: "fake"}, (&record{}).logger())
	p.session = s
	return p
}

// register is a DCS that answers as told.
type register struct {
	pluginv1.UnimplementedDCSServer
	read   *pluginv1.ReadResponse
	commit func(*pluginv1.CommitRequest) (*pluginv1.CommitResponse, error)
	watch  func(pluginv1.DCS_WatchServer) error
}

func (r *register) Read(context.Context, *pluginv1.ReadRequest) (*pluginv1.ReadResponse, error) {
	return r.read, nil
}

func (r *register) Commit(_ context.Context, q *pluginv1.CommitRequest) (*pluginv1.CommitResponse, error) {
	return r.commit(q)
}

func (r *register) Watch(_ *pluginv1.WatchRequest, s pluginv1.DCS_WatchServer) error {
	return r.watch(s)
}

func dcsOf(t *testing.T, r *register) *DCS {
	t.Helper()
	return &DCS{connected(t, func(s *grpc.Server) { pluginv1.RegisterDCSServer(s, r) })}
}

func TestCommitAnswers(t *testing.T) {
	current := []*pluginv1.KeyValue{{Key: "k", Value: []byte("v"), ModRevision: 3}}
	cases := map[string]struct {
		answer *pluginv1.CommitResponse
		err    error
		want   CommitResult
	}{
		"applied":                {&pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_APPLIED, Revision: 7}, nil, CommitResult{Outcome: core.OutcomeDone, Revision: 7}},
		"conflict":               {&pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_CONFLICT, Current: current}, nil, CommitResult{Outcome: core.OutcomeRefused, Conflict: true, Current: []KeyValue{{"k", []byte("v"), 3}}, Message: "a compared key was changed by somebody else"}},
		"unknown":                {&pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_UNKNOWN, Message: "timed out"}, nil, CommitResult{Outcome: core.OutcomeUnknown, Message: "timed out"}},
		"applied at no revision": {&pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_APPLIED}, nil, CommitResult{Outcome: core.OutcomeUnknown, Message: "answer of plugin fake: commit applied at revision 0"}},
		"outcome of the future":  {&pluginv1.CommitResponse{Outcome: 9}, nil, CommitResult{Outcome: core.OutcomeUnknown, Message: "answer of plugin fake: pluginv1.Outcome 9: not a value this supervisor knows"}},
		"unavailable":            {nil, status.Error(codes.Unavailable, "no endpoint"), CommitResult{Outcome: core.OutcomeRefused, Message: "no endpoint"}},
		"invalid":                {nil, status.Error(codes.InvalidArgument, "key twice"), CommitResult{Outcome: core.OutcomeRefused, Message: "key twice"}},
		"failed precondition":    {nil, status.Error(codes.FailedPrecondition, "x"), CommitResult{Outcome: core.OutcomeUnknown, Message: "x"}},
		"internal":               {nil, status.Error(codes.Internal, "x"), CommitResult{Outcome: core.OutcomeUnknown, Message: "x"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := dcsOf(t, &register{commit: func(*pluginv1.CommitRequest) (*pluginv1.CommitResponse, error) { return c.answer, c.err }})
			if diff := cmp.Diff(c.want, d.Commit(t.Context(), nil, []Write{{Key: "k"}})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommitSendsWhatItIsGiven(t *testing.T) {
	var sent *pluginv1.CommitRequest
	d := dcsOf(t, &register{commit: func(r *pluginv1.CommitRequest) (*pluginv1.CommitResponse, error) {
		sent = r
		return &pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_APPLIED, Revision: 1}, nil
	}})
	d.Commit(t.Context(), []core.Compare{{Key: "a", Rev: 4}, {Key: "b"}}, []Write{{Key: "a", Value: []byte("x")}, {Key: "b", Delete: true}})
	want := &pluginv1.CommitRequest{
		Compares: []*pluginv1.Compare{{Key: "a", ModRevision: 4}, {Key: "b"}},
		Writes:   []*pluginv1.Write{{Key: "a", Value: []byte("x")}, {Key: "b", Delete: true}},
	}
	if sent.String() != want.String() {
		t.Errorf("sent %v, want %v", sent, want)
	}
}

func TestImpossiblePictureIsRefused(t *testing.T) {
	key := func(name string, rev int64) *pluginv1.KeyValue {
		return &pluginv1.KeyValue{Key: name, ModRevision: rev}
	}
	for want, keys := range map[string][]*pluginv1.KeyValue{
		"":                       {key("/a/1", 2), key("/a/2", 5)},
		"is not under":           {key("/b", 1)},
		"out of order":           {key("/a/2", 1), key("/a/1", 1)},
		"revision 6 in":          {key("/a/1", 6)},
		"revision 0 in":          {key("/a/1", 0)},
		"\"/a/1\" is out of ord": {key("/a/1", 1), key("/a/1", 1)},
	} {
		d := dcsOf(t, &register{read: &pluginv1.ReadResponse{Revision: 5, Keys: keys}})
		_, err := d.Read(t.Context(), "/a/")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestWatchReportsUntilItEnds(t *testing.T) {
	d := dcsOf(t, &register{watch: func(s pluginv1.DCS_WatchServer) error {
		_ = s.Send(&pluginv1.WatchResponse{Revision: 3})
		_ = s.Send(&pluginv1.WatchResponse{Revision: 4})
		return status.Error(codes.OutOfRange, "compacted")
	}})
	var seen []core.Revision
	err := d.Watch(t.Context(), "/a", 2, func(c Change) { seen = append(seen, c.Revision) })
	if err == nil || !strings.Contains(err.Error(), "compacted") {
		t.Errorf("watch ended with %v", err)
	}
	if diff := cmp.Diff([]core.Revision{3, 4}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestSilentStreamEndsAndRaisesSuspicion(t *testing.T) {
	p := connected(t, func(s *grpc.Server) {
		pluginv1.RegisterPostgresServer(s, &instance{observe: func(s pluginv1.Postgres_ObserveServer) error { <-s.Context().Done(); return nil }})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := (&Postgres{p}).Observe(ctx, core.Span(50*time.Millisecond)-core.Span(observeSlack), func(core.Postgres) {})
	var silence *SilenceError
	if !errors.As(err, &silence) || silence.Bound != 50*time.Millisecond {
		t.Errorf("silent stream ended with %v", err)
	}
	if !p.session.isSuspected() {
		t.Error("no suspicion was raised")
	}
}

func TestRoutesArriveWhole(t *testing.T) {
	r := &balancer{}
	router := &Router{connected(t, func(s *grpc.Server) { pluginv1.RegisterRouterServer(s, r) })}
	primary := core.Endpoint{Peer: core.Peer{Name: "a", Host: "h", Port: 5432}, Tags: map[string]string{"dc": "x"}}
	must(t, router.Apply(t.Context(), core.Routes{Epoch: 3, Primary: &primary, Replicas: []core.Endpoint{{Peer: core.Peer{Name: "b"}, LagBytes: 9}}, OwnRole: core.RolePrimary}))
	want := &pluginv1.RouterApplyRequest{
		Epoch: 3, OwnRole: pluginv1.OwnRole_OWN_ROLE_PRIMARY,
		Primary:  &pluginv1.Endpoint{Name: "a", Host: "h", Port: 5432, Tags: map[string]string{"dc": "x"}},
		Replicas: []*pluginv1.Endpoint{{Name: "b", LagBytes: 9}},
	}
	if r.last.String() != want.String() {
		t.Errorf("arrived %v, want %v", r.last, want)
	}
	if err := router.Apply(t.Context(), core.Routes{OwnRole: "king"}); err == nil {
		t.Error("an unknown role was sent")
	}
}

type balancer struct {
	pluginv1.UnimplementedRouterServer
	last *pluginv1.RouterApplyRequest
}

func (b *balancer) Apply(_ context.Context, r *pluginv1.RouterApplyRequest) (*pluginv1.RouterApplyResponse, error) {
	b.last = r
	return &pluginv1.RouterApplyResponse{}, nil
}

func TestCallWithoutDeadlineGetsOne(t *testing.T) {
	var left time.Duration
	d := dcsOf(t, &register{})
	s := d.plugin.session
	invoke := func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return nil
	}
	must(t, s.bounded(context.Background(), "m", nil, nil, nil, invoke))
	if left <= 0 || left > defaultDeadline {
		t.Errorf("deadline in %s", left)
	}
}
