// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"testing"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// RouterEnv is a router as its suite needs it.
type RouterEnv struct {
	// Connect starts the plugin, configured; later calls find what earlier ones left on disk.
	Connect func(t testing.TB) *grpc.ClientConn
	// Effect is what the router does with traffic now, in any form; equal effects are equal strings.
	Effect func(t testing.TB) string
	// Forget makes the router lose what it was told, as its restart would.
	Forget func(t testing.TB)
}

// Router checks the promises of pluginv1.Router.
func Router(t *testing.T, env RouterEnv) {
	routes := routesAt(5)
	conn := env.Connect(t)
	router := pluginv1.NewRouterClient(conn)
	apply := func(t *testing.T, req *pluginv1.RouterApplyRequest) codes.Code {
		t.Helper()
		_, err := router.Apply(within(t, Patience), req)
		return status.Code(err)
	}
	mustApply := func(t *testing.T, req *pluginv1.RouterApplyRequest) string {
		t.Helper()
		if got := apply(t, req); got != codes.OK {
			t.Fatalf("apply: got %s", got)
		}
		return env.Effect(t)
	}
	var before string

	t.Run("unknown_role", func(t *testing.T) {
		for _, role := range []pluginv1.OwnRole{pluginv1.OwnRole_OWN_ROLE_UNSPECIFIED, 99} {
			bad := proto.CloneOf(routes)
			bad.OwnRole = role
			if got := apply(t, bad); got != codes.InvalidArgument {
				t.Errorf("own_role %d: got %s, want %s", role, got, codes.InvalidArgument)
			}
		}
	})
	t.Run("idempotent", func(t *testing.T) {
		before = mustApply(t, routes)
		if after := mustApply(t, routes); after != before {
			t.Errorf("the same routes again changed the effect\nfrom %s\nto   %s", before, after)
		}
	})
	t.Run("stale_epoch", func(t *testing.T) {
		stale := routesAt(4)
		stale.Primary, stale.Replicas[0] = stale.GetReplicas()[0], stale.GetPrimary()
		if got := apply(t, stale); got != codes.Aborted {
			t.Errorf("older epoch: got %s, want %s", got, codes.Aborted)
		}
		if after := env.Effect(t); after != before {
			t.Errorf("an older epoch changed the effect\nfrom %s\nto   %s", before, after)
		}
	})
	t.Run("level_triggered", func(t *testing.T) {
		env.Forget(t)
		if after := mustApply(t, routes); after != before {
			t.Errorf("what was forgotten was not repaired\nwant %s\ngot  %s", before, after)
		}
	})
	t.Run("switchover", func(t *testing.T) {
		next := routesAt(6)
		next.Primary, next.Replicas[0] = next.GetReplicas()[0], next.GetPrimary()
		next.OwnRole = pluginv1.OwnRole_OWN_ROLE_STANDBY
		if after := mustApply(t, next); after == before {
			t.Error("another primary changed nothing")
		}
	})
	t.Run("no_primary", func(t *testing.T) {
		none := routesAt(6)
		none.Primary, none.Replicas, none.OwnRole = nil, nil, pluginv1.OwnRole_OWN_ROLE_NONE
		mustApply(t, none)
	})
	t.Run("epoch_survives_restart", func(t *testing.T) {
		conn := env.Connect(t)
		_, err := pluginv1.NewRouterClient(conn).Apply(within(t, Patience), routesAt(5))
		if got := status.Code(err); got != codes.Aborted {
			t.Errorf("older epoch after a restart: got %s, want %s", got, codes.Aborted)
		}
	})
}

// routesAt is a cluster of two in which the own member m1 is the primary.
func routesAt(epoch uint64) *pluginv1.RouterApplyRequest {
	return &pluginv1.RouterApplyRequest{
		Epoch:    epoch,
		Primary:  &pluginv1.Endpoint{Name: "m1", Host: "127.0.0.1", Port: 5432},
		Replicas: []*pluginv1.Endpoint{{Name: "m2", Host: "127.0.0.2", Port: 5432, LagBytes: 16, Tags: map[string]string{"site": "a"}}},
		OwnRole:  pluginv1.OwnRole_OWN_ROLE_PRIMARY,
	}
}
