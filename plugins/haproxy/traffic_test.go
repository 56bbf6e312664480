// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// TestTrafficMovesWithThePush: health checks tell nothing here, so all that moves is the push's work.
func TestTrafficMovesWithThePush(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		l.apply(t, routesTo(5, l.m1, l.m2))
		old := l.connect(t, "primary")
		if old.Member != "m1" {
			t.Fatalf("writes reach %q, want m1", old.Member)
		}

		begun := time.Now()
		l.apply(t, routesTo(6, l.m2, l.m1))
		told := time.Since(begun)
		if got := l.connect(t, "primary").Member; got != "m2" {
			t.Errorf("the first new session reached %q, want m2", got)
		}
		t.Logf("applied after %s, the new primary reached after %s", told, time.Since(begun))
		if !old.Ended() {
			t.Error("the session on the old primary lives on")
		}
	})
}

// TestSessionsLeftBehindAreCut: a session that a reload left to the old process ends as the others do.
func TestSessionsLeftBehindAreCut(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		body := bodyFor(l.haproxy)
		body["master_sockets"] = []string{l.haproxy.Master()}
		c := newClient(t, body)
		c.apply(t, routesTo(5, l.m1, l.m2))
		old := l.connect(t, "primary")
		l.haproxy.Reload(t)
		plugintest.Eventually(t, "routes are pushed again", func() bool { return c.tryApply(t, routesTo(5, l.m1, l.m2)) == nil })
		if !old.Alive() {
			t.Fatal("the reload or what was pushed after it cut the session on the primary")
		}
		c.apply(t, routesTo(6, l.m2, l.m1))
		if !old.Ended() {
			t.Error("the session on the old primary lives on in the old process")
		}
		c.healthy(t)
	})
}

// TestReads: of the replicas, those that lag or lack a tag get no new sessions and keep those they have.
func TestReads(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		body := bodyFor(l.haproxy)
		body["max_lag"], body["tags"] = 1000, map[string]string{"site": "a"}
		c := newClient(t, body)
		reads := func(lag1, lag2 uint64, site string) *pluginv1.RouterApplyRequest {
			r := routesTo(5, nil, l.m1, l.m2)
			r.Replicas[0].LagBytes, r.Replicas[0].Tags = lag1, map[string]string{"site": "a"}
			r.Replicas[1].LagBytes, r.Replicas[1].Tags = lag2, map[string]string{"site": site}
			return r
		}
		c.apply(t, reads(1001, 1000, "a"))
		session := l.connect(t, "replica")
		if session.Member != "m2" {
			t.Fatalf("reads reach %q, want m2, as m1 lags", session.Member)
		}
		c.apply(t, reads(1000, 0, "b"))
		if got := l.connect(t, "replica").Member; got != "m1" {
			t.Errorf("reads reach %q, want m1, as m2 is elsewhere", got)
		}
		if !session.Alive() {
			t.Error("a session of the replica backend was cut")
		}
	})
}

// TestNoPrimary: without a primary nobody gets writes, and reads go on.
func TestNoPrimary(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		l.apply(t, routesTo(5, l.m1, l.m2))
		l.apply(t, routesTo(5, nil, l.m2))
		if got := l.connect(t, "primary").Member; got != "" {
			t.Errorf("writes reach %q", got)
		}
		if got := l.connect(t, "replica").Member; got != "m2" {
			t.Errorf("reads reach %q, want m2", got)
		}
	})
}

// TestChecksAreTheTruth: what the checks say against the routes stands, however often these are applied.
func TestChecksAreTheTruth(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, fastChecks, haproxytest.Primary, haproxytest.Replica)
		truth := "primary/m1 replica/m2"
		l.haproxy.AwaitUp(t, truth)
		l.apply(t, routesTo(5, l.m2, l.m1))
		if !l.haproxy.Server(t, "primary/m2").Up {
			t.Fatal("the push did nothing")
		}
		l.haproxy.AwaitUp(t, truth)
		for range 5 {
			l.apply(t, routesTo(5, l.m2, l.m1))
			if got := l.haproxy.Up(t); got != truth {
				t.Fatalf("up after the same routes again: %s, want %s as the checks say", got, truth)
			}
		}
		l.apply(t, routesTo(6, l.m2, l.m1))
		if !l.haproxy.Server(t, "primary/m2").Up {
			t.Error("a new decision was not pushed")
		}
		l.haproxy.AwaitUp(t, truth)
		l.apply(t, routesTo(7, l.m1, l.m2)) // nothing to push
		l.m1.Be(haproxytest.Nothing)
		l.haproxy.AwaitUp(t, "replica/m2")
		l.apply(t, routesTo(7, l.m1, l.m2))
		if got := l.haproxy.Up(t); got != "replica/m2" {
			t.Errorf("up after the same routes again: %s, want replica/m2 as the checks say", got)
		}
	})
}

// TestForgetfulHAProxy: after a reload and after a restart every server is up; that is repaired before
// routes are applied again.
func TestForgetfulHAProxy(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		l := newLab(t, program, noChecks, haproxytest.Silent, haproxytest.Silent)
		want := "primary/m1 replica/m1 replica/m2"
		losses := map[string]func(t *testing.T){
			"reload":  func(t *testing.T) { l.haproxy.Reload(t) },
			"restart": func(t *testing.T) { l.haproxy.Stop(t); l.haproxy.Start(t) },
		}
		for name, forget := range losses {
			t.Run(name, func(t *testing.T) {
				l.apply(t, routesTo(5, l.m1, l.m2))
				if got := l.haproxy.Up(t); got != want {
					t.Fatalf("up: %s, want %s", got, want)
				}
				forget(t)
				if l.haproxy.Server(t, "primary/m2").Up {
					t.Log("forgotten: primary/m2 is up")
				}
				l.haproxy.AwaitUp(t, want)
			})
		}
	})
}

// TestSeveralSockets: neither one that is dead nor one that hangs keeps the others from being told.
func TestSeveralSockets(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		m1, m2 := silent(t, "m1"), silent(t, "m2")
		config := sections(noChecks, m1, m2)
		good, hung := haproxytest.Start(t, program, config), haproxytest.Start(t, program, config)
		dead := haproxytest.New(t, program, "admin", config)
		c := newClient(t, bodyFor(dead, hung, good))
		thaw := hung.Freeze(t)
		c.unavailable(t, routesTo(5, m1, m2), "no socket "+string(dead.Admin), string(hung.Admin)+" does not answer")
		if got, want := good.Up(t), "primary/m1 replica/m1 replica/m2"; got != want {
			t.Errorf("up behind the good socket: %s, want %s", got, want)
		}
		c.unhealthy(t, "no socket "+string(dead.Admin))

		thaw()
		dead.Start(t)
		plugintest.Eventually(t, "all are told", func() bool { return c.tryApply(t, routesTo(6, m2, m1)) == nil })
		for _, h := range []*haproxytest.HAProxy{good, hung, dead} {
			if s := h.Server(t, "primary/m1"); s.Up {
				t.Errorf("%s behind %s is up", s, h.Admin)
			}
		}
		c.healthy(t)
	})
}

// TestStockConfiguration: what sites have today works with and without the plugin, and is not touched.
func TestStockConfiguration(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		m1, m2 := haproxytest.NewMember(t, "m1", haproxytest.Primary), haproxytest.NewMember(t, "m2", haproxytest.Replica)
		h := haproxytest.Start(t, program, `
defaults
  mode tcp
  retries 2
  timeout client 30m
  timeout connect 4s
  timeout server 30m
  timeout check 5s
listen master
  bind unix@$DIR/master
  option httpchk OPTIONS /master
  http-check expect status 200
  default-server inter 300ms fastinter 100ms fall 3 rise 2 on-marked-down shutdown-sessions
`+m1.Line()+m2.Line()+`
listen replicas
  bind unix@$DIR/replicas
  option httpchk OPTIONS /replica
  http-check expect status 200
  default-server inter 300ms fastinter 100ms fall 3 rise 2 on-marked-down shutdown-sessions
`+m1.Line()+m2.Line())
		before := read(t, h.Config())
		h.AwaitUp(t, "master/m1 replicas/m2")
		m1.Be(haproxytest.Replica)
		m2.Be(haproxytest.Primary)
		h.AwaitUp(t, "master/m2 replicas/m1") // without the plugin

		body := bodyFor(h)
		body["primary_backend"], body["replica_backend"] = "master", "replicas"
		c := newClient(t, body)
		m1.Be(haproxytest.Primary)
		m2.Be(haproxytest.Replica)
		c.apply(t, routesTo(5, m1, m2))
		if s := h.Server(t, "master/m1"); !s.Up {
			t.Errorf("%s is not up after the push", s)
		}
		h.AwaitUp(t, "master/m1 replicas/m2")
		c.healthy(t)
		if after := read(t, h.Config()); after != before {
			t.Errorf("the site's configuration was changed to\n%s", after)
		}
	})
}
