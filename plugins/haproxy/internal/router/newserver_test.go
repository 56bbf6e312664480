// SPDX-License-Identifier: Apache-2.0

package router

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
)

// TestServersOfTheGoneAreRemoved: after a while, and only those the plugin added.
func TestServersOfTheGoneAreRemoved(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		h := haproxytest.Start(t, program, `
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen primary
  bind unix@$DIR/primary
  server m1 127.0.0.1:9 check inter 1h
`)
		r := New()
		r.order = order{
			body:   conf.Body{PrimaryBackend: "primary", NewServer: "check inter 1h"},
			routes: &routes{Epoch: 1, Replicas: []*endpoint{{Name: "m2", Host: "127.0.0.1", Port: 10}}},
		}
		i := start(h.Admin, r)
		defer i.stop()
		apply := func() {
			t.Helper()
			if err := i.apply(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		apply()
		r.order.routes = &routes{Epoch: 2}
		apply()
		if h.Server(t, "primary/m2").Name == "" {
			t.Fatal("the server of a member that was away for a moment is gone")
		}
		i.added["primary/m2"] = time.Now().Add(-2 * absence)
		apply()
		if h.Server(t, "primary/m2").Name != "" {
			t.Error("the server of a member that is gone is still there")
		}
		if h.Server(t, "primary/m1").Name == "" {
			t.Error("a server of the configuration was removed")
		}
	})
}
