// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Server defaults: checks that never tell anything while the test runs, and checks that are at once right.
const (
	noChecks   = "inter 1h"
	fastChecks = "inter 50ms fall 2 rise 2"
)

// sections are a primary and a replica section before members, with frontends at $DIR/primary and $DIR/replica.
func sections(servers string, members ...*haproxytest.Member) string {
	var lines strings.Builder
	for _, m := range members {
		lines.WriteString(m.Line())
	}
	section := func(name, path string) string {
		return "listen " + name + "\n  bind unix@$DIR/" + name + "\n  option httpchk OPTIONS " + path +
			"\n  http-check expect status 200\n  default-server " + servers + "\n" + lines.String()
	}
	return `
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout check 1h
` + section("primary", "/master") + section("replica", "/replica")
}

// lab is a plugin in this process before one HAProxy and two members.
type lab struct {
	*client
	haproxy *haproxytest.HAProxy
	m1, m2  *haproxytest.Member
}

// newLab starts one with members whose health checks tell the roles given.
func newLab(t testing.TB, program, servers, role1, role2 string) *lab {
	t.Helper()
	m1, m2 := haproxytest.NewMember(t, "m1", role1), haproxytest.NewMember(t, "m2", role2)
	h := haproxytest.Start(t, program, sections(servers, m1, m2))
	return &lab{newClient(t, bodyFor(h)), h, m1, m2}
}

// silent is a member whose health checks tell nothing.
func silent(t testing.TB, name string) *haproxytest.Member {
	t.Helper()
	return haproxytest.NewMember(t, name, haproxytest.Silent)
}

func bodyFor(haproxys ...*haproxytest.HAProxy) map[string]any {
	var sockets []string
	for _, h := range haproxys {
		sockets = append(sockets, string(h.Admin))
	}
	return map[string]any{"sockets": sockets, "replica_backend": "replica"}
}

// connect opens a session through a frontend.
func (l *lab) connect(t testing.TB, frontend string) *haproxytest.Session {
	t.Helper()
	return haproxytest.Connect(t, filepath.Join(l.haproxy.Dir, frontend))
}

// client talks to a plugin that is configured.
type client struct {
	conn   *grpc.ClientConn
	router pluginv1.RouterClient
	base   pluginv1.BaseClient
}

// newClient starts and configures the plugin in this process.
func newClient(t testing.TB, body map[string]any) *client {
	t.Helper()
	return configured(t, plugintest.InProcess(t, plugin()), body, plugintest.Host(t, "m1"))
}

func configured(t testing.TB, conn *grpc.ClientConn, body map[string]any, host *pluginv1.HostContext) *client {
	t.Helper()
	plugintest.Configure(t, conn, body, host)
	return &client{conn, pluginv1.NewRouterClient(conn), pluginv1.NewBaseClient(conn)}
}

// routesTo are routes to a primary, which may be nil, and replicas.
func routesTo(epoch uint64, primary *haproxytest.Member, replicas ...*haproxytest.Member) *pluginv1.RouterApplyRequest {
	r := &pluginv1.RouterApplyRequest{Epoch: epoch, OwnRole: pluginv1.OwnRole_OWN_ROLE_NONE}
	if primary != nil {
		r.Primary = primary.Endpoint()
	}
	for _, m := range replicas {
		r.Replicas = append(r.Replicas, m.Endpoint())
	}
	return r
}

// apply applies and must succeed.
func (c *client) apply(t testing.TB, r *pluginv1.RouterApplyRequest) {
	t.Helper()
	if err := c.tryApply(t, r); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func (c *client) tryApply(t testing.TB, r *pluginv1.RouterApplyRequest) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), plugintest.Patience)
	defer cancel()
	_, err := c.router.Apply(ctx, r)
	return err
}

// unavailable applies, and must be told that something was not done, in words that contain all of these.
func (c *client) unavailable(t testing.TB, r *pluginv1.RouterApplyRequest, words ...string) {
	t.Helper()
	err := c.tryApply(t, r)
	if status.Code(err) != codes.Unavailable {
		t.Fatalf("apply: %v, want %s", err, codes.Unavailable)
	}
	contains(t, "apply", err.Error(), words...)
}

// unhealthy must be what the plugin says of itself, in words that contain all of these.
func (c *client) unhealthy(t testing.TB, words ...string) {
	t.Helper()
	healthy, message := c.health(t)
	if healthy {
		t.Errorf("healthy: %s", message)
	}
	contains(t, "health", message, words...)
}

// healthy must be what the plugin says of itself.
func (c *client) healthy(t testing.TB) {
	t.Helper()
	if healthy, message := c.health(t); !healthy {
		t.Errorf("not healthy: %s", message)
	}
}

func (c *client) health(t testing.TB) (bool, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), plugintest.Patience)
	defer cancel()
	h, err := c.base.Health(ctx, &pluginv1.HealthRequest{})
	if err != nil {
		t.Fatalf("health: %v", err)
	}
	return h.GetHealthy(), h.GetMessage()
}

func contains(t testing.TB, what, message string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(message, w) {
			t.Errorf("%s: %q does not say %q", what, message, w)
		}
	}
}
