// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// me is the user of the test; who runs all checks but those of PostgreSQL's account.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// TestFitHost: with a real etcd and nothing wrong, nothing is worse than a warning of this machine.
func TestFitHost(t *testing.T) {
	h := newHost(t)
	h.dcs = startEtcd(t)
	all := h.examine(t)
	for id, words := range map[string]string{
		"configuration.valid": "can be used", "plugins.etcd": "protocol 1", "plugins.postgres": "protocol 1",
		"data.data_dir": "can be made", "data.state_dir": "can be made",
		"secrets.file": "postgres.superuser.password_file", "ports.api": "is free",
		"ports.heartbeats": "is free", "ports.postgresql": "is free",
	} {
		expect(t, all, id, OK, words)
	}
	expect(t, all, "supervisor.api", Note, "nobody there")
	for _, f := range all {
		switch f.ID {
		case "dcs.endpoint": // its latency is this machine's
			if f.Severity == Error || !strings.Contains(f.Found, "reads take") && !strings.Contains(f.Found, "a read took") {
				t.Errorf("dcs: %+v", f)
			}
		case "postgresql.programs", "plugins.launcher": // what is installed here
		default:
			if f.Severity == Error {
				t.Errorf("%s: %s", f.ID, f.Found)
			}
		}
		if f.Topic != strings.Split(f.ID, ".")[0] || f.Found == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestDeadDCS: endpoints that refuse or never answer are told, and hold up nothing for long.
func TestDeadDCS(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	h := newHost(t)
	h.dcs = startEtcd(t) + ",http://" + silent.Addr().String() + "," + h.dcs
	begun := time.Now()
	all := h.examine(t)
	if took := time.Since(begun); took > patience {
		t.Errorf("took %s", took)
	}
	expect(t, all, "dcs.endpoint", Warning, silent.Addr().String(), "not to be read")
	expect(t, all, "dcs.endpoint", Warning, "connection refused")
	expect(t, all, "dcs.reach", Error, "1 of 3 endpoints can be read, 2 are needed")
}

// TestHangingCheck is given up, with what it had found.
func TestHangingCheck(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	c := check{"disk.sync", func(_ context.Context, r *report) {
		r.ok("disk.first", "done")
		<-forever
	}}
	all := c.within(t.Context(), time.Millisecond)
	expect(t, all, "disk.first", OK, "done")
	expect(t, all, "disk.sync", Error, "not checked to the end within 1ms")
}

// TestRouters: the real plugins say what is missing, and the example that it cannot tell.
func TestRouters(t *testing.T) {
	h := newHost(t)
	h.more = `
router "haproxy" { sockets = ["` + h.path("admin.sock") + `"] }
router "keepalived" {
  vip        = "203.0.113.77"
  track_file = "` + h.path("none/vrrp") + `"
}
router "pgbouncer" { consoles = ["host=` + h.dir + ` user=pgvigil"] }
router "example" { path = "` + h.path("routes") + `" }
`
	all := h.examine(t)
	expect(t, all, "routers.haproxy", Error, "no socket "+h.path("admin.sock"), "level admin")
	expect(t, all, "routers.keepalived", Error, "make its directory")
	expect(t, all, "routers.pgbouncer", Error, "nothing listens there")
	expect(t, all, "routers.example", Note, "router.examine")
	expect(t, all, "configuration.diagnostic", Warning, "pgvigil.hcl:", "no interface in its network")
	for _, name := range []string{"none", "routes", "run", "state"} {
		if _, err := os.Stat(h.path(name)); !os.IsNotExist(err) {
			t.Errorf("doctor made %s: %v", name, err)
		}
	}
}

// TestSupervisorIsAsked: what its plugins see counts, and its ports are its own.
func TestSupervisorIsAsked(t *testing.T) {
	h := newHost(t)
	h.more = "router \"haproxy\" {}\nrouter \"pgbouncer\" { consoles = [\"host=/tmp user=pgvigil\"] }\n"
	s := &api.Status{Cluster: api.Cluster{Name: "demo", Leader: "mdw"}, Self: api.Self{Name: "mdw"}, Plugins: []api.Plugin{
		{Name: "haproxy", Up: true, Message: "HAProxy behind S has no server for member m2"},
	}}
	h.status = func(context.Context) (*api.Status, error) { return s, nil }
	for _, network := range []string{"tcp", "udp"} {
		listen(t, network, h.api)
	}
	all := h.examine(t)
	expect(t, all, "supervisor.api", OK, "mdw leads")
	expect(t, all, "routers.haproxy", Error, "no server for member m2")
	expect(t, all, "routers.pgbouncer", Error, "started without router \"pgbouncer\"", "restart")
	self := "process " + strconv.Itoa(os.Getpid())
	expect(t, all, "ports.api", OK, self)
	expect(t, all, "ports.heartbeats", OK, self)

	s.Self.Name = "sdw"
	expect(t, h.examine(t), "supervisor.api", Error, `member "sdw"`, "api.connect")
}

// listen takes an address until the test ends.
func listen(t *testing.T, network, at string) {
	t.Helper()
	var c interface{ Close() error }
	var err error
	if network == "udp" {
		c, err = net.ListenPacket(network, at)
	} else {
		c, err = net.Listen(network, at)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
}

// TestPorts: taken by a stranger, by our own PostgreSQL, by nobody, or on an address that is elsewhere.
func TestPorts(t *testing.T) {
	h := newHost(t)
	listen(t, "tcp", h.api)
	_, port, _ := net.SplitHostPort(h.server)
	listen(t, "tcp", "0.0.0.0:"+port)
	self := "process " + strconv.Itoa(os.Getpid())
	d := h.doctor(t)
	all := alone(t, d, d.ports)
	expect(t, all, "ports.api", Error, "tcp "+h.api, "is taken by", self, "set api.listen to another port")
	expect(t, all, "ports.heartbeats", OK, "is free")
	expect(t, all, "ports.postgresql", Error, "is taken by", self)

	if err := os.Mkdir(h.path("pg/data"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, h.path("pg/data/postmaster.pid"), strconv.Itoa(os.Getpid())+"\n/data\n", 0o600)
	expect(t, alone(t, d, d.ports), "ports.postgresql", OK, self)

	h.server = "192.0.2.1:5432"
	d = h.doctor(t)
	expect(t, alone(t, d, d.ports), "ports.postgresql", Error, "no interface of this host has that address", "postgres.listen")
}

// TestSocketsOfIPv6 are found, too.
func TestSocketsOfIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := bound("tcp")
	if err != nil {
		t.Fatal(err)
	}
	s, is := taken(all, l.Addr().(*net.TCPAddr).AddrPort())
	if !is || holderOf(s).pid != os.Getpid() {
		t.Errorf("%v %+v %v", is, s, holderOf(s))
	}
}

// TestPostgres: programs of several versions, too old, missing, and data of another version.
func TestPostgres(t *testing.T) {
	h := newHost(t)
	bin := h.path("bin")
	h.postgres = `bin_dir = "` + bin + `"`
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	d := h.doctor(t)
	installed := newestBinDir()
	if installed == "" {
		t.Fatal("PostgreSQL is not installed")
	}
	expect(t, alone(t, d, d.postgres), "postgresql.programs", Error, bin, "no such file", "bin_dir")
	for _, p := range programs {
		if err := os.Symlink(filepath.Join(installed, p), filepath.Join(bin, p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(h.path("pg/data"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, h.path("pg/data/PG_VERSION"), "12\n", 0o600)
	all := alone(t, d, d.postgres)
	expect(t, all, "postgresql.programs", OK, "PostgreSQL", bin)
	expect(t, all, "postgresql.version", Error, "is of version 12", "pg_upgrade")
	for version, says := range map[string]string{"12.22": "too old", "9.6.1": "too old"} {
		for _, p := range programs {
			_ = os.Remove(filepath.Join(bin, p))
			write(t, filepath.Join(bin, p), "#!/bin/sh\necho 'x (PostgreSQL) "+version+"'\n", 0o755)
		}
		expect(t, alone(t, d, d.postgres), "postgresql.programs", Error, says)
	}
	write(t, filepath.Join(bin, "pg_rewind"), "#!/bin/sh\necho 'pg_rewind (PostgreSQL) 17.1'\n", 0o755)
	expect(t, alone(t, d, d.postgres), "postgresql.programs", Error, "of several versions", "17:[pg_rewind]")
}

// TestData: a parent that is missing, a mode that PostgreSQL refuses, a file in the way, another's directory.
func TestData(t *testing.T) {
	h := newHost(t)
	d := h.doctor(t)
	dir := h.path("pg/data")
	expect(t, alone(t, d, d.data), "data.space", OK, "are free")
	write(t, dir, "", 0o600)
	expect(t, alone(t, d, d.data), "data.data_dir", Error, "is not a directory")
	remove(t, dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(t, alone(t, d, d.data), "data.data_dir", Error, "mode", "0755", "chmod 0700")
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	expect(t, alone(t, d, d.data), "data.data_dir", OK, dir)
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
		expect(t, alone(t, d, d.data), "data.data_dir", Error, "belongs to user id 12345")
	}
	if err := os.RemoveAll(h.path("pg")); err != nil {
		t.Fatal(err)
	}
	expect(t, alone(t, d, d.data), "data.data_dir", OK, "can be made")
	write(t, h.path("pg"), "", 0o600)
	d.Config.Server.DataDir = h.path("pg/17/data")
	expect(t, alone(t, d, d.data), "data.data_dir", Error, "the parent of data_dir", "cannot be made in "+h.path("pg"), "install -d")
	r := &report{}
	room(r, "data.space", "/proc") // a file system without room
	expect(t, r.found(), "data.space", Error, "full")
}

// TestSecrets: files that are missing, open to all, or another's.
func TestSecrets(t *testing.T) {
	path := write(t, filepath.Join(place(t), "password"), "x\n", 0o600)
	look := func() []Finding {
		r := &report{}
		secretsOf(r, config.PluginBlock{Name: "postgres"},
			[]byte(`{"superuser":{"password_file":"`+path+`"},"list":[{"sslkey":"`+path+`"}],"password":"x"}`))
		return r.found()
	}
	expect(t, look(), "secrets.file", OK, "postgres.superuser.password_file")
	expect(t, look(), "secrets.file", OK, "postgres.list.sslkey")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, look(), "secrets.file", Error, "open to every user: mode 0644", "chmod o-rwx")
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	expect(t, look(), "secrets.file", Warning, "can be changed by others")
	remove(t, path)
	expect(t, look(), "secrets.file", Error, "no such file", "mode 0600")
}

// TestUser: who is missing, and who it is.
func TestUser(t *testing.T) {
	h := newHost(t)
	h.user = "nobody-of-pgvigil"
	d := h.doctor(t)
	expect(t, alone(t, d, d.user), "user.account", Error, `there is no user "nobody-of-pgvigil"`, "useradd")
	h.user = me(t)
	d = h.doctor(t)
	expect(t, alone(t, d, d.user), "user.account", OK, h.user)
	h.user = "daemon"
	d = h.doctor(t)
	expect(t, alone(t, d, d.user), "user.account", Warning, "as root or as daemon")
}

// TestPluginFiles: missing, and writable by others.
func TestPluginFiles(t *testing.T) {
	h := newHost(t)
	open := h.path("open")
	raw, err := os.ReadFile(filepath.Join(built, "pgvigil-plugin-example"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, open, string(raw), 0o777)
	h.more = `
router "example" {
  path = "/x"
  plugin { command = "` + open + `" }
}
router "haproxy" {
  plugin { command = "` + h.path("missing") + `" }
}
`
	all := h.examine(t)
	expect(t, all, "plugins.example", Error, "may be written by others", "chmod go-w")
	expect(t, all, "plugins.haproxy", Error, h.path("missing"), "no such file")
}

// TestDisk leaves nothing behind.
func TestDisk(t *testing.T) {
	dir := place(t)
	r := &report{}
	timeDisk(t.Context(), r, dir)
	if all := r.found(); len(all) != 1 || all[0].Severity == Error || !strings.Contains(all[0].Found, "50 writes") {
		t.Errorf("%+v", all)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestVirtualAddress: who listens on it needs the kernel's leave.
func TestVirtualAddress(t *testing.T) {
	h := newHost(t)
	h.server = "203.0.113.77:5432"
	h.more = "router \"keepalived\" { vip = \"203.0.113.77\" }\n"
	d := h.doctor(t)
	all := alone(t, d, d.sysctl)
	if kernelSetting("net.ipv4.ip_nonlocal_bind") == "1" {
		expect(t, all, "kernel.nonlocal_bind", OK, "net.ipv4.ip_nonlocal_bind is 1")
	} else {
		expect(t, all, "kernel.nonlocal_bind", Error, "postgres.listen names the virtual address",
			"net.ipv4.ip_nonlocal_bind = 1")
	}
}
