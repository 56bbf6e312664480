// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
)

// TestNewServer: a member that HAProxy does not know gets a server, down until it is wished up, also after a
// reload, which forgets it.
func TestNewServer(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		m3 := silent(t, "m3")
		body := bodyFor(l.haproxy)
		body["new_server"] = fmt.Sprintf("check port %d inter 1h", m3.Check())
		c := newClient(t, body)
		c.apply(t, routesTo(5, l.m1, l.m2, m3))
		want := "primary/m1 replica/m1 replica/m2 replica/m3"
		if got := l.haproxy.Up(t); got != want {
			t.Errorf("up: %s, want %s", got, want)
		}
		if !l.haproxy.Server(t, "primary/m3").Checked {
			t.Error("the new server has no health check")
		}
		c.healthy(t)

		c.apply(t, routesTo(6, m3, l.m1, l.m2))
		if got := l.connect(t, "primary").Member; got != "m3" {
			t.Errorf("writes reach %q, want m3", got)
		}
		l.haproxy.Reload(t)
		l.haproxy.AwaitUp(t, "primary/m3 replica/m1 replica/m2")
	})
}

// TestNewServerIsRefused: why HAProxy does not take a server is told by Health, and the rest is pushed.
func TestNewServerIsRefused(t *testing.T) {
	m1, m2 := silent(t, "m1"), silent(t, "m2")
	config := strings.Replace(sections(noChecks, m1), "listen primary\n", "listen primary\n  balance static-rr\n", 1)
	h := haproxytest.Start(t, haproxytest.Installed(t), config)
	body := bodyFor(h)
	body["new_server"] = "check port 8008"
	c := newClient(t, body)
	c.apply(t, routesTo(5, m2, m1))
	c.unhealthy(t, "no server for member m2", `HAProxy refused "add server"`, "dynamic load balancing")
	if h.Server(t, "primary/m1").Up {
		t.Error("primary/m1 is up")
	}
}
