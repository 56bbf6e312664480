// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Register registers Base and the kind's service of p on a server, guarded as in a process of its own.
// For hosts and tests that run a plugin in their own process. The error tells what p lacks.
func Register(r grpc.ServiceRegistrar, p Plugin) error {
	if err := p.check(); err != nil {
		return err
	}
	newBase(p).register(r)
	return nil
}

// stopGrace is how long Stop waits for calls that still run.
const stopGrace = time.Second

// base serves pluginv1.Base for a Plugin.
type base struct {
	pluginv1.UnimplementedBaseServer
	plugin Plugin
	life   *lifecycle
	health checkup

	// turn serialises Validate, Configure and Stop.
	turn     sync.Mutex
	stopOnce sync.Once
	stopErr  error
}

func newBase(p Plugin) *base {
	b := &base{plugin: p, life: newLifecycle()}
	b.health.ask = b.ask
	return b
}

func (b *base) register(r grpc.ServiceRegistrar) {
	log := Logger()
	pluginv1.RegisterBaseServer(guard{to: r, log: log}, b)
	b.plugin.registerKind(guard{to: r, log: log, life: b.life})
}

// Info answers who the plugin is.
func (b *base) Info(context.Context, *pluginv1.InfoRequest) (*pluginv1.InfoResponse, error) {
	return &pluginv1.InfoResponse{
		Name:         b.plugin.Name,
		Kind:         b.plugin.kind(),
		Version:      b.plugin.Version,
		ApiVersions:  []uint32{handshake.ProtocolVersion},
		Capabilities: b.plugin.Capabilities,
	}, nil
}

// Schema answers the schema of the body.
func (b *base) Schema(context.Context, *pluginv1.SchemaRequest) (*pluginv1.SchemaResponse, error) {
	return &pluginv1.SchemaResponse{Body: b.plugin.schema()}, nil
}

// Validate checks a body against the schema, then by the plugin's own function.
func (b *base) Validate(ctx context.Context, req *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	c, err := config(req.GetConfigJson(), req.GetHost())
	if err != nil {
		return nil, err
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	return &pluginv1.ValidateResponse{Diagnostics: b.validate(ctx, c)}, nil
}

// Configure validates a body and makes it current if no error was found.
func (b *base) Configure(ctx context.Context, req *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	c, err := config(req.GetConfigJson(), req.GetHost())
	if err != nil {
		return nil, err
	}
	c.Examine = req.GetExamine()
	b.turn.Lock()
	defer b.turn.Unlock()
	if _, stopped := b.life.state(); stopped {
		return nil, status.Error(codes.FailedPrecondition, "plugin is stopped")
	}
	found := b.validate(ctx, c)
	if !HasErrors(found) {
		found = append(found, b.plugin.Configure(ctx, c)...)
	}
	if !HasErrors(found) {
		b.life.configure()
	}
	return &pluginv1.ConfigureResponse{Diagnostics: found}, nil
}

// Health asks the plugin, within a bound.
func (b *base) Health(ctx context.Context, _ *pluginv1.HealthRequest) (*pluginv1.HealthResponse, error) {
	healthy, message := b.health.check(ctx)
	return &pluginv1.HealthResponse{Healthy: healthy, Message: message}, nil
}

// Stop cancels the streams, gives running calls a moment to end, and stops the plugin.
func (b *base) Stop(ctx context.Context, _ *pluginv1.StopRequest) (*pluginv1.StopResponse, error) {
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-b.life.stop():
	case <-grace.C:
	case <-ctx.Done():
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	b.stopOnce.Do(func() {
		if b.plugin.Stop != nil {
			b.stopErr = b.plugin.Stop(ctx)
		}
	})
	if b.stopErr != nil {
		return nil, b.stopErr
	}
	return &pluginv1.StopResponse{}, nil
}

func (b *base) ask(ctx context.Context) (bool, string) {
	configured, stopped := b.life.state()
	switch {
	case stopped:
		return false, "plugin is stopped"
	case !configured:
		return false, "plugin is not configured"
	case b.plugin.Health == nil:
		return true, ""
	}
	return b.plugin.Health(ctx)
}

func (b *base) validate(ctx context.Context, c Config) []*pluginv1.Diagnostic {
	found := checkBody(b.plugin.Schema, c.JSON)
	if HasErrors(found) || b.plugin.Validate == nil {
		return found
	}
	return append(found, b.plugin.Validate(ctx, c)...)
}

func config(body []byte, host *pluginv1.HostContext) (Config, error) {
	if host == nil {
		return Config{}, status.Error(codes.InvalidArgument, "host context is missing")
	}
	return Config{JSON: body, Host: host}, nil
}
