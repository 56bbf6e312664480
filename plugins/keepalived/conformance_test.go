// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	"google.golang.org/grpc"
)

// TestConformance runs the suites on the plugin in this process and on its binary, with a Keepalived that follows the
// file in a network namespace.
func TestConformance(t *testing.T) {
	connections := map[string]func(testing.TB) *grpc.ClientConn{
		"in_process": func(t testing.TB) *grpc.ClientConn { return plugintest.InProcess(t, plugin()) },
		"binary":     func(t testing.TB) *grpc.ClientConn { return plugintest.Binary(t, pluginPath) },
	}
	for name, connect := range connections {
		for _, follow := range []string{"primary", "haproxy"} {
			t.Run(name+"_"+follow, func(t *testing.T) { conformance(t, connect, follow) })
		}
	}
}

func conformance(t *testing.T, connect func(testing.TB) *grpc.ClientConn, follow string) {
	h := newHosts(t, 1, follow)[0]
	h.startKeepalived()
	if follow == "haproxy" {
		h.startConformingHAProxy()
	}
	t.Run("base", func(t *testing.T) {
		plugintest.Base(t, plugintest.Subject{Connect: connect, Body: h.body(), Host: h.place})
	})
	t.Run("router", func(t *testing.T) {
		plugintest.Router(t, plugintest.RouterEnv{
			Connect: func(t testing.TB) *grpc.ClientConn {
				conn := connect(t)
				plugintest.Configure(t, conn, h.body(), h.place)
				return conn
			},
			Examine: func(t testing.TB) *grpc.ClientConn {
				conn := connect(t)
				plugintest.Examine(t, conn, h.body())
				return conn
			},
			Effect: func(t testing.TB) string { return h.effect(t) },
			Forget: func(t testing.TB) {
				if err := os.Remove(h.file()); err != nil {
					t.Fatal(err)
				}
				plugintest.Eventually(t, "the VIP is gone with the file", func() bool { return !h.holds() })
			},
		})
	})
}

// effect is whether the VIP is on the host, once Keepalived has done what the file says.
func (h *host) effect(t testing.TB) string {
	t.Helper()
	says := h.says()
	want := says != "" && says != "0"
	plugintest.Eventually(t, "keepalived follows the file, which says "+says, func() bool { return h.holds() == want })
	return says
}

// startConformingHAProxy has the primary of the suite's routes, m1, up and nobody else.
func (h *host) startConformingHAProxy() {
	h.t.Helper()
	conf := filepath.Join(h.dir, "haproxy.cfg")
	text := "global\n  stats socket " + h.socket() + " mode 666 level user\n" +
		"defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n  timeout server 1m\n" +
		"listen pgvigil_primary\n  bind 127.0.0.1:5000\n  server a 127.0.0.1:5432\n  server b 127.0.0.2:5432 disabled\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.haproxy = h.start(program("haproxy"), "-db", "-f", conf)
	h.eventually("haproxy listens", func() bool { _, err := os.Stat(h.socket()); return err == nil })
}
