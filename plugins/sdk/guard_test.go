// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// scripted is a DCS whose calls do what the test says.
type scripted struct {
	pluginv1.UnimplementedDCSServer
	read  func(context.Context) error
	watch func(pluginv1.DCS_WatchServer) error
}

func (s *scripted) Read(ctx context.Context, _ *pluginv1.ReadRequest) (*pluginv1.ReadResponse, error) {
	return &pluginv1.ReadResponse{}, s.read(ctx)
}

func (s *scripted) Watch(_ *pluginv1.WatchRequest, stream pluginv1.DCS_WatchServer) error {
	return s.watch(stream)
}

func (s *scripted) plugin() sdk.Plugin {
	return sdk.Plugin{
		Name:         "scripted",
		Version:      "1.0.0",
		Capabilities: []string{"dcs.read"},
		Configure:    func(context.Context, sdk.Config) []*pluginv1.Diagnostic { return nil },
		DCS:          s,
	}
}

// serve runs a plugin in this process and configures it.
func serve(t *testing.T, p sdk.Plugin) *grpc.ClientConn {
	t.Helper()
	conn := plugintest.InProcess(t, p)
	plugintest.Configure(t, conn, nil, plugintest.Host(t, "m1"))
	return conn
}

func TestErrorsBecomeStatuses(t *testing.T) {
	tests := map[string]struct {
		do   func(context.Context) error
		want codes.Code
	}{
		"nothing":     {func(context.Context) error { return nil }, codes.OK},
		"plain error": {func(context.Context) error { return errors.New("broken") }, codes.Internal},
		"status":      {func(context.Context) error { return status.Error(codes.Aborted, "old") }, codes.Aborted},
		"unknown":     {func(context.Context) error { return status.Error(codes.Unknown, "?") }, codes.Internal},
		"late":        {func(context.Context) error { return context.DeadlineExceeded }, codes.DeadlineExceeded},
		"cancelled":   {func(context.Context) error { return context.Canceled }, codes.Canceled},
		"panic":       {func(context.Context) error { panic("no") }, codes.Internal},
		"nil pointer": {func(context.Context) error { var p *sdk.Plugin; return errors.New(p.Name) }, codes.Internal},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dcs := pluginv1.NewDCSClient(serve(t, (&scripted{
				read:  test.do,
				watch: func(s pluginv1.DCS_WatchServer) error { return test.do(s.Context()) },
			}).plugin()))
			_, err := dcs.Read(t.Context(), &pluginv1.ReadRequest{})
			if got := status.Code(err); got != test.want {
				t.Errorf("call: got %v, want %s", err, test.want)
			}
			stream, err := dcs.Watch(t.Context(), &pluginv1.WatchRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if got := status.Code(err); got != test.want {
				t.Errorf("stream: got %v, want %s", err, test.want)
			}
		})
	}
}

// TestStopCancelsStreams: a stream that runs when the plugin is stopped ends, before the plugin's own
// Stop is called, which is called once.
func TestStopCancelsStreams(t *testing.T) {
	ended, stops := make(chan struct{}), 0
	p := (&scripted{watch: func(s pluginv1.DCS_WatchServer) error {
		defer close(ended)
		if err := s.Send(&pluginv1.WatchResponse{}); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}).plugin()
	p.Stop = func(context.Context) error {
		stops++
		select {
		case <-ended:
			return nil
		default:
			return errors.New("a stream still runs")
		}
	}
	conn := serve(t, p)
	stream, err := pluginv1.NewDCSClient(conn).Watch(t.Context(), &pluginv1.WatchRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	for range 2 {
		if _, err := pluginv1.NewBaseClient(conn).Stop(t.Context(), &pluginv1.StopRequest{}); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("stream after stop: got %v, want %s", err, codes.Canceled)
	}
	if stops != 1 {
		t.Errorf("stopped %d times, want once", stops)
	}
}

// TestPanicsInHooks: no function of a plugin can end the process.
func TestPanicsInHooks(t *testing.T) {
	p := (&scripted{}).plugin()
	p.Validate = func(context.Context, sdk.Config) []*pluginv1.Diagnostic { panic("validate") }
	p.Health = func(context.Context) (bool, string) { panic("health") }
	base := pluginv1.NewBaseClient(plugintest.InProcess(t, p))
	host := plugintest.Host(t, "m1")
	_, err := base.Validate(t.Context(), &pluginv1.ValidateRequest{ConfigJson: []byte("{}"), Host: host})
	if got := status.Code(err); got != codes.Internal {
		t.Errorf("validate: got %v, want %s", err, codes.Internal)
	}
	_, err = base.Configure(t.Context(), &pluginv1.ConfigureRequest{ConfigJson: []byte("{}"), Host: host})
	if got := status.Code(err); got != codes.Internal {
		t.Errorf("configure: got %v, want %s", err, codes.Internal)
	}
	if _, err := base.Health(t.Context(), &pluginv1.HealthRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
}

// TestConfigureRefused: a warning lets a body in, anything else does not, and the plugin's own
// Configure is not called with a body that Validate refuses.
func TestConfigureRefused(t *testing.T) {
	calls := 0
	var found []*pluginv1.Diagnostic
	p := (&scripted{read: func(context.Context) error { return nil }}).plugin()
	p.Validate = func(context.Context, sdk.Config) []*pluginv1.Diagnostic { return found }
	p.Configure = func(context.Context, sdk.Config) []*pluginv1.Diagnostic { calls++; return nil }
	conn := plugintest.InProcess(t, p)
	configure := func() codes.Code {
		_, err := pluginv1.NewBaseClient(conn).Configure(t.Context(), &pluginv1.ConfigureRequest{
			ConfigJson: []byte("{}"), Host: plugintest.Host(t, "m1"),
		})
		if err != nil {
			t.Fatalf("configure: %v", err)
		}
		_, err = pluginv1.NewDCSClient(conn).Read(t.Context(), &pluginv1.ReadRequest{})
		return status.Code(err)
	}
	found = []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("a"), "bad", "Change %s.", "it")}
	if got := configure(); got != codes.FailedPrecondition || calls != 0 {
		t.Errorf("with an error: %s, configured %d times", got, calls)
	}
	found = []*pluginv1.Diagnostic{{Summary: "severity not set"}}
	if got := configure(); got != codes.FailedPrecondition || calls != 0 {
		t.Errorf("with a severity that is not set: %s, configured %d times", got, calls)
	}
	found = []*pluginv1.Diagnostic{sdk.Warnf(sdk.Path("a"), "odd", "Look at it.")}
	if got := configure(); got != codes.OK || calls != 1 {
		t.Errorf("with a warning: %s, configured %d times", got, calls)
	}
}

func TestHostMissing(t *testing.T) {
	base := pluginv1.NewBaseClient(plugintest.InProcess(t, (&scripted{}).plugin()))
	_, err := base.Validate(t.Context(), &pluginv1.ValidateRequest{ConfigJson: []byte("{}")})
	if got := status.Code(err); got != codes.InvalidArgument {
		t.Errorf("got %v, want %s", err, codes.InvalidArgument)
	}
}

func TestRegisterRefuses(t *testing.T) {
	good := (&scripted{}).plugin
	tests := map[string]struct {
		spoil func(*sdk.Plugin)
		want  string
	}{
		"nothing set":           {func(p *sdk.Plugin) { *p = sdk.Plugin{} }, "no Configure function"},
		"two kinds":             {func(p *sdk.Plugin) { p.Router = pluginv1.UnimplementedRouterServer{} }, "exactly one"},
		"no kind":               {func(p *sdk.Plugin) { p.DCS = nil }, "exactly one"},
		"name":                  {func(p *sdk.Plugin) { p.Name = "Etcd 3" }, `name "Etcd 3"`},
		"version":               {func(p *sdk.Plugin) { p.Version = "v1" }, `version "v1"`},
		"no capabilities":       {func(p *sdk.Plugin) { p.Capabilities = nil }, "no capabilities"},
		"capability of another": {func(p *sdk.Plugin) { p.Capabilities = []string{"router.apply"} }, `"router.apply"`},
		"capability twice":      {func(p *sdk.Plugin) { p.Capabilities = []string{"dcs.read", "dcs.read"} }, "twice"},
		"schema": {func(p *sdk.Plugin) {
			p.Schema = &pluginv1.Block{Attributes: []*pluginv1.Attribute{{Name: "a"}}}
		}, "schema.a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := good()
			test.spoil(&p)
			err := sdk.Register(grpc.NewServer(), p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
	if err := sdk.Register(grpc.NewServer(), good()); err != nil {
		t.Errorf("a good one: %v", err)
	}
}
