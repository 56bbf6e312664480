// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	"google.golang.org/grpc"
)

// TestConformance runs the suites on the plugin in this process and on its binary.
func TestConformance(t *testing.T) {
	binary := plugintest.Build(t, ".")
	connections := map[string]func(testing.TB) *grpc.ClientConn{
		"in_process": func(t testing.TB) *grpc.ClientConn { return plugintest.InProcess(t, plugin()) },
		"binary":     func(t testing.TB) *grpc.ClientConn { return plugintest.Binary(t, binary) },
	}
	for name, connect := range connections {
		t.Run(name, func(t *testing.T) {
			haproxytest.Each(t, func(t *testing.T, program string) { conformance(t, program, connect) })
		})
	}
}

func conformance(t *testing.T, program string, connect func(testing.TB) *grpc.ClientConn) {
	m1, m2 := silent(t, "m1"), silent(t, "m2")
	h := haproxytest.Start(t, program, sections(noChecks, m1, m2))
	host := plugintest.Host(t, "m1")
	t.Run("base", func(t *testing.T) {
		plugintest.Base(t, plugintest.Subject{Connect: connect, Body: bodyFor(h), Host: host})
	})
	t.Run("router", func(t *testing.T) {
		plugintest.Router(t, plugintest.RouterEnv{
			Connect: func(t testing.TB) *grpc.ClientConn {
				conn := connect(t)
				plugintest.Configure(t, conn, bodyFor(h), host)
				return conn
			},
			Examine: func(t testing.TB) *grpc.ClientConn {
				conn := connect(t)
				plugintest.Examine(t, conn, bodyFor(h))
				return conn
			},
			Effect: func(t testing.TB) string { return h.Up(t) },
			Forget: func(t testing.TB) {
				h.Stop(t)
				h.Start(t)
			},
		})
	})
}
