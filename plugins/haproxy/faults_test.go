// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// TestFaultsAreToldAndHeal: each fault is told by Health with what to change, before routes and after, and is
// gone when its cause is.
func TestFaultsAreToldAndHeal(t *testing.T) {
	faults := map[string]struct {
		// level of the socket and change of the configuration, until it heals.
		level, from, to string
		// words of the message, and whether Apply fails.
		words []string
		fails bool
	}{
		"level_user":     {level: "user", words: []string{"has level user", `"level admin"`}, fails: true},
		"level_operator": {level: "operator", words: []string{"has level operator", `"level admin"`}, fails: true},
		"primary_backend": {
			from: "listen primary\n", to: "listen writes\n",
			words: []string{`no backend "primary"`, "set primary_backend to one it has (writes, replica)"}, fails: true,
		},
		"replica_backend": {
			from: "listen replica\n", to: "listen reads\n",
			words: []string{`no backend "replica"`, "set replica_backend to one it has (primary, reads)"}, fails: true,
		},
		"no_health_check": {
			from: " check port ", to: " port ",
			words: []string{"without a health check that is on", "in primary behind", ": m1 m2", `add "check port 8008"`},
		},
		"unknown_server": {
			from: "server m2 127.0.0.1", to: "server pg2 127.0.0.9",
			words: []string{"no server for member m2", `add "server m2 127.0.0.1:`},
		},
	}
	haproxytest.Each(t, func(t *testing.T, program string) {
		for name, f := range faults {
			t.Run(name, func(t *testing.T) {
				m1, m2 := silent(t, "m1"), silent(t, "m2")
				level := f.level
				if level == "" {
					level = "admin"
				}
				good := sections(noChecks, m1, m2)
				bad := good
				if f.from != "" {
					bad = strings.ReplaceAll(good, f.from, f.to)
				}
				h := haproxytest.New(t, program, level, bad)
				h.Start(t)
				c := newClient(t, bodyFor(h))
				if f.fails {
					c.unhealthy(t, f.words...)
					c.unavailable(t, routesTo(5, m1, m2), f.words...)
				} else {
					c.apply(t, routesTo(5, m1, m2))
				}
				c.unhealthy(t, f.words...)

				h.Write(t, "global\n  stats socket $DIR/admin.sock mode 600 level admin\n"+good)
				h.Stop(t)
				h.Start(t)
				c.apply(t, routesTo(5, m1, m2))
				c.healthy(t)
				h.AwaitUp(t, "primary/m1 replica/m1 replica/m2")
			})
		}
	})
}

// TestSocketIsMissing: a socket that comes later is used from then on.
func TestSocketIsMissing(t *testing.T) {
	l := newLab(t, haproxytest.Installed(t), noChecks, haproxytest.Silent, haproxytest.Silent)
	l.haproxy.Stop(t)
	l.unhealthy(t, "start HAProxy")
	l.unavailable(t, routesTo(5, l.m1, l.m2), "start HAProxy")
	if err := os.Remove(string(l.haproxy.Admin)); err != nil {
		t.Fatal(err)
	}
	l.unhealthy(t, "no socket", "stats socket "+string(l.haproxy.Admin)+" mode 660")
	l.unavailable(t, routesTo(5, l.m1, l.m2), "no socket")
	l.haproxy.Start(t)
	l.haproxy.AwaitUp(t, "primary/m1 replica/m1 replica/m2") // without another Apply
	l.healthy(t)
}

// TestSocketIsForbidden: the plugin runs as a user that may not use the socket, until it may.
func TestSocketIsForbidden(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("needs root to run the plugin as another user")
	}
	m1, m2 := silent(t, "m1"), silent(t, "m2")
	h := haproxytest.Start(t, haproxytest.Installed(t), sections(noChecks, m1, m2))
	host := plugintest.Host(t, "m1")
	sockets := plugintest.Dir(t)
	const nobody = 65534
	for _, dir := range []string{
		host.GetStateDir(), filepath.Dir(host.GetStateDir()), host.GetRunDir(), filepath.Dir(host.GetRunDir()), sockets,
	} {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(plugintest.Dir(t), "as-nobody")
	run := fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid=%d --regid=%d --clear-groups %s\n", nobody, nobody, plugintest.Build(t, "."))
	if err := os.WriteFile(script, []byte(run), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &plugintest.Process{Path: script, AutoMTLS: true, Env: []string{goplugin.EnvUnixSocketDir + "=" + sockets}}
	c := configured(t, p.Start(t), bodyFor(h), host)
	c.unhealthy(t, "may not use "+string(h.Admin), "member of the group")
	c.unavailable(t, routesTo(5, m1, m2), "may not use")
	if err := os.Chmod(string(h.Admin), 0o666); err != nil {
		t.Fatal(err)
	}
	c.apply(t, routesTo(5, m1, m2))
	c.healthy(t)
}

// TestSocketIsNotHAProxys: whatever else listens there is told apart from an HAProxy.
func TestSocketIsNotHAProxys(t *testing.T) {
	path := filepath.Join(plugintest.Dir(t), "other.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1<<10))
			_, _ = fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = conn.Close()
		}
	}()
	c := newClient(t, map[string]any{"sockets": []string{path}})
	c.unhealthy(t, "is this the socket of an HAProxy?")
}

// TestHealthWhileHAProxyHangs: the answer is out in time, and names the socket.
func TestHealthWhileHAProxyHangs(t *testing.T) {
	l := newLab(t, haproxytest.Installed(t), noChecks, haproxytest.Silent, haproxytest.Silent)
	thaw := l.haproxy.Freeze(t)
	l.unhealthy(t, "does not answer")
	thaw()
	plugintest.Eventually(t, "healthy again", func() bool { healthy, _ := l.health(t); return healthy })
}

// TestBodiesRefused: what cannot work is refused with the place in the body.
func TestBodiesRefused(t *testing.T) {
	bodies := map[string]struct {
		change map[string]any
		path   string
	}{
		"no sockets":       {map[string]any{"sockets": []string{}}, "sockets"},
		"relative":         {map[string]any{"sockets": []string{"/a", "admin.sock"}}, "sockets/1"},
		"over tcp":         {map[string]any{"sockets": []string{"10.0.0.1:9999"}}, "sockets/0"},
		"twice":            {map[string]any{"sockets": []string{"/a", "/a"}}, "sockets/1"},
		"too long":         {map[string]any{"sockets": []string{"/" + strings.Repeat("x", 107)}}, "sockets/0"},
		"master socket":    {map[string]any{"master_sockets": []string{"master.sock"}}, "master_sockets/0"},
		"foreign file":     {withFile("path", "/etc/haproxy/haproxy.cfg"), "config_file/path"},
		"relative file":    {withFile("path", "pgvigil.cfg"), "config_file/path"},
		"several lines":    {withFile("default_server", "port 8008\nlisten x"), "config_file/default_server"},
		"no bind":          {withFile("primary_bind", ""), "config_file/primary_bind"},
		"reads, no pool":   {withFile("replica_bind", "*:5001"), "config_file/replica_bind"},
		"no reload":        {withFile("reload", []string{}), "config_file/reload"},
		"injection":        {map[string]any{"primary_backend": "a;shutdown frontend b"}, "primary_backend"},
		"empty backend":    {map[string]any{"primary_backend": ""}, "primary_backend"},
		"replica backend":  {map[string]any{"replica_backend": "a b"}, "replica_backend"},
		"same backend":     {map[string]any{"replica_backend": "primary"}, "replica_backend"},
		"negative lag":     {map[string]any{"max_lag": -1}, "max_lag"},
		"second command":   {map[string]any{"new_server": "check;show info"}, "new_server"},
		"server, no check": {map[string]any{"new_server": "port 8008"}, "new_server"},
	}
	base := pluginv1.NewBaseClient(plugintest.InProcess(t, plugin()))
	for name, b := range bodies {
		t.Run(name, func(t *testing.T) {
			body := map[string]any{
				"sockets": []string{"/run/haproxy/admin.sock"}, "primary_backend": "primary", "replica_backend": "",
				"cut_primary_sessions": true, "cut_replica_sessions": false, "new_server": "",
			}
			maps.Copy(body, b.change)
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			found, err := base.Validate(t.Context(), &pluginv1.ValidateRequest{ConfigJson: raw, Host: plugintest.Host(t, "m1")})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range found.GetDiagnostics() {
				if strings.Join(d.GetPath(), "/") == b.path && d.GetSeverity() == pluginv1.Severity_SEVERITY_ERROR {
					return
				}
			}
			t.Errorf("no error at %s: %v", b.path, found.GetDiagnostics())
		})
	}
}

// withFile is a config_file block with one attribute changed.
func withFile(attribute string, value any) map[string]any {
	file := map[string]any{
		"path": "/etc/haproxy/conf.d/pgvigil.cfg", "primary_bind": "*:5000", "replica_bind": "", "default_server": "port 8008",
		"main": []string{"/etc/haproxy/haproxy.cfg"}, "program": "/usr/sbin/haproxy", "reload": []string{"true"},
	}
	file[attribute] = value
	return map[string]any{"config_file": file}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
