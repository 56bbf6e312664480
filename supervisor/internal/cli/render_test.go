// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

const renderDoc = "../../../docs/render.md"

// withRouters is the example's configuration of mdw, with more blocks.
func withRouters(t *testing.T, blocks string) string {
	t.Helper()
	text, err := os.ReadFile(examples + "three-hosts/mdw.hcl")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pgvigil.hcl")
	if err := os.WriteFile(file, append(text, blocks...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The page shows what comes out of the configuration that it shows.
func TestRenderDocumented(t *testing.T) {
	raw, err := os.ReadFile(renderDoc)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	hcl := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindStringSubmatch(page)
	if hcl == nil {
		t.Fatal("the page shows no configuration")
	}
	endpoint, file := serve(t, published(apitest.Primary()), nil), withRouters(t, hcl[1])
	printed := regexp.MustCompile("(?ms)^    \\$ pgvigil (render .*?)\n\n```\n(.*?)^```\n")
	shown := printed.ReplaceAllStringFunc(page, func(block string) string {
		command, _, _ := strings.Cut(strings.TrimPrefix(block, "    $ pgvigil "), "\n")
		got := shell{}.run(t, append(strings.Fields(command), "--config", file, "--endpoint", endpoint)...)
		if got.code != cli.ExitOK || got.err != "" {
			t.Errorf("%s: exit %d, said %q", command, got.code, got.err)
		}
		return "    $ pgvigil " + command + "\n\n```\n" + got.out + "```\n"
	})
	if *update {
		if err := os.WriteFile(renderDoc, []byte(shown), 0o644); err != nil {
			t.Fatal(err)
		}
		page = shown
	}
	if strings.Count(page, "$ pgvigil render") < 3 {
		t.Error("the page shows hardly anything")
	}
	if diff := cmp.Diff(page, shown); diff != "" {
		t.Errorf("%s (-shown +printed):\n%s", renderDoc, diff)
	}
}

// What comes out depends on the blocks.
func TestRenderFollowsTheBlocks(t *testing.T) {
	const (
		haproxy = `router "haproxy" {
  sockets              = ["/run/a.sock"]
  primary_backend      = "writes"
  replica_backend      = "reads"
  max_lag              = "8MB"
  tags                 = { site = "a b" }
  cut_primary_sessions = false
  plugin { command = "/x" }
}
`
		ownFile = `router "haproxy" {
  config_file {
    path         = "/etc/haproxy/conf.d/x.cfg"
    primary_bind = "*:5999"
  }
}
`
		vip = `router "keepalived" {
  vip        = "10.0.0.77"
  track_file = "/run/vrrp/demo"
}
`
		followed = `router "keepalived" {
  vip             = "10.0.0.77"
  follow          = "haproxy"
  haproxy_backend = "writes"
}
`
		bouncer = `router "pgbouncer" {
  consoles = ["host=10.0.0.9 user=x", "host=/run/b port=6433 user=y"]
}
`
		file = `router "pgbouncer" {
  consoles = ["host=/run/b"]
  databases_file {
    path    = "/x/y.ini"
    entries = { a = "" }
  }
}
`
	)
	endpoint := serve(t, published(apitest.Primary()), nil)
	for _, c := range []struct {
		blocks, args string
		has, hasNot  []string
	}{
		{"", "haproxy", []string{`router "haproxy"`, "/replica?lag=16MB", "listen replica\n", "server standby 10.0.0.2:5432 check port 8008\n"},
			[]string{"leaves these"}},
		{haproxy, "haproxy", []string{"socket /run/a.sock ", "listen writes\n", "listen reads\n", "/replica?lag=8MB&tag_site=a+b\n"},
			[]string{"router", "on-marked-down shutdown-sessions\n"}},
		{ownFile, "haproxy", []string{"# Writes: see /etc/haproxy/conf.d/x.cfg", "-f /etc/haproxy/conf.d\""},
			[]string{"10.0.0.1", "listen primary"}},
		{ownFile, "pgbouncer", []string{"\n* = host=127.0.0.1 port=5999\n"}, nil},
		{"", "haproxy --member standby=db2:5433 --member x=fd00::7 --member y=[fd00::8]:6000",
			[]string{"server standby db2:5433", "server x [fd00::7]:5432 check port 8008", "server y [fd00::8]:6000", "bind [::]:5000"}, nil},
		{vip, "keepalived --interface ens3", []string{"        10.0.0.77\n", "file /run/vrrp/demo\n", "interface ens3", "d /run/vrrp 0755 postgres"},
			[]string{"pgvigil_rank", "router \""}},
		{vip, "keepalived --member mdw=127.0.0.1", []string{"interface lo\n", "priority 50\n", "        10.0.0.3\n"}, []string{"10.0.0.1\n"}},
		{followed, "keepalived --interface ens3 --for standby --vip 10.0.0.77/16", []string{"router_id standby\n", "10.0.0.77/16", "pgvigil_rank weight 60"},
			[]string{"router \""}},
		{haproxy, "keepalived --interface ens3 --vip 10.0.0.9", []string{`haproxy_backend = "writes"`, `vip             = "10.0.0.9"`}, nil},
		{"", "pgbouncer", []string{`router "pgbouncer"`, "%include /var/lib/pgbouncer/databases.ini\n", "admin_users = pgvigil\n"},
			[]string{"\n[databases]"}},
		{haproxy, "pgbouncer", []string{"\n* = host=127.0.0.1 port=5000\n"}, nil},
		{vip, "pgbouncer", []string{"\n* = host=10.0.0.77 port=5432\n"}, nil},
		{vip + bouncer, "pgbouncer", []string{"listen_port = 6433", "unix_socket_dir = /run/b", "admin_users = y"}, []string{"router"}},
		{file, "pgbouncer", []string{"%include /x/y.ini\n", "admin_users = pgbouncer\n", "listen_port = 6432"}, []string{"\n[databases]"}},
		{"", "etcd", []string{"name: 10.0.0.1\n", "10.0.0.3=http://10.0.0.3:2380"}, nil},
		{"", "etcd --for 10.0.0.3", []string{"name: 10.0.0.3\n", "advertise-client-urls: http://10.0.0.3:2379"}, nil},
		{"", "firewalld", []string{`source address="10.0.0.3"`, `port="2379"`, `port="2380"`, `protocol="udp" port="8008"`}, nil},
		{"", "sysctl", []string{"net.ipv4.ip_nonlocal_bind = 1"}, nil},
	} {
		args := append(strings.Fields("render "+c.args), "--endpoint", endpoint, "--config", withRouters(t, c.blocks))
		got := shell{}.run(t, args...)
		if got.code != cli.ExitOK || got.err != "" {
			t.Errorf("%s: exit %d, said %q", c.args, got.code, got.err)
		}
		for _, text := range c.has {
			if !strings.Contains(got.out, text) {
				t.Errorf("%s: no %q in\n%s", c.args, text, got.out)
			}
		}
		for _, text := range c.hasNot {
			if strings.Contains(got.out, text) {
				t.Errorf("%s: %q in\n%s", c.args, text, got.out)
			}
		}
	}
}

// Without a supervisor, the members are those that are named, and this one.
func TestRenderWithoutSupervisor(t *testing.T) {
	closed, file := closedPort(t), withRouters(t, "")
	got := shell{}.run(t, "render", "haproxy", "--endpoint", closed, "--config", file)
	if got.code != cli.ExitError || !strings.Contains(got.err, "refuses connections") || !strings.Contains(got.err, "--member NAME=HOST") ||
		got.out != "" {
		t.Errorf("got %d %q %q", got.code, got.err, got.out)
	}
	got = shell{}.run(t, "render", "haproxy", "--member", "standby=10.0.0.2", "--endpoint", closed, "--config", file)
	if got.code != cli.ExitOK || !strings.Contains(got.err, "only the members that were named") ||
		strings.Count(got.out, "server mdw 10.0.0.1:5432 check port 8008") != 2 ||
		strings.Count(got.out, "server standby 10.0.0.2:5432 check port 8008") != 2 || strings.Contains(got.out, "standby1") {
		t.Errorf("got %d %q %s", got.code, got.err, got.out)
	}
	for _, text := range []string{"pgbouncer", "etcd", "sysctl"} {
		if got := (shell{}).run(t, "render", text, "--endpoint", closed, "--config", file); got.code != cli.ExitOK || got.err != "" {
			t.Errorf("%s: exit %d, said %q", text, got.code, got.err)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	endpoint := serve(t, published(apitest.Primary()), nil)
	other := serve(t, published(primaryWith(func(s *status.Snapshot) { s.Cluster = "other" })), nil)
	for _, c := range []struct{ blocks, args, says string }{
		{"", "render nginx", "unknown command"},
		{"", "render haproxy --member mdw", "want NAME=HOST"},
		{"", "render haproxy --member mdw=a:0", "want NAME=HOST"},
		{"", "render haproxy --member m;x=a", "want NAME=HOST"},
		{"", "render haproxy --endpoint " + other, `is of cluster "other", the configuration of "demo"`},
		{"router \"haproxy\" {\n  sockets = []\n}\n", "render haproxy", "no sockets"},
		{"router \"haproxy\" {\n  sockets = 5\n}\n", "render haproxy", "pgvigil.hcl:"},
		{"", "render keepalived", "give --vip ADDRESS"},
		{"", "render keepalived --vip vip.example", "want an address"},
		{"", "render keepalived --vip 10.0.0.9", "give --interface NAME"},
		{"", "render keepalived --vip 10.0.0.9 --interface e --for x", "one of mdw, standby, standby1"},
		{"router \"keepalived\" {\n  vip = \"10.0.0.7\"\n}\n", "render keepalived --vip 10.0.0.9", `has vip = "10.0.0.7"`},
		{"router \"keepalived\" {\n  follow = \"haproxy\"\n}\n", "render keepalived --vip 10.0.0.9", "haproxy_backend"},
		{"router \"pgbouncer\" {\n  consoles = []\n}\n", "render pgbouncer", "no consoles"},
		{"", "render etcd --for 10.0.0.9", "one of 10.0.0.1, 10.0.0.2, 10.0.0.3"},
		{"", "render firewalld --member standby=db2", "--member standby=ADDRESS"},
	} {
		got := shell{}.run(t, append(strings.Fields(c.args), "--endpoint", endpoint, "--config", withRouters(t, c.blocks))...)
		if got.code != cli.ExitUsage || !strings.Contains(got.err, c.says) || got.out != "" {
			t.Errorf("%s: got %d, out %q, err %q", c.args, got.code, got.out, got.err)
		}
	}
	got := shell{}.run(t, "render", "etcd", "--config", examples+"embedded-dcs/mdw.hcl")
	if got.code != cli.ExitUsage || !strings.Contains(got.err, "embedded block") {
		t.Errorf("got %d %q", got.code, got.err)
	}
}
