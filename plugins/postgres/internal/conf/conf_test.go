// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

func example(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	return &config.Config{
		Member: "Node-1", Cluster: "it's", ListenAddresses: "127.0.0.1", Port: 5433, DataDir: dir, SocketDir: "/run/x",
		StateDir: t.TempDir(), PassFile: filepath.Join(t.TempDir(), "pgpass"), OS: proc.Account{Name: "postgres"},
		Parameters: map[string]string{"max_connections": "50", "search_path": `a\b'c`}, RestoreCommand: "cp /a/%f %p",
		Superuser:   config.Account{Username: "postgres", Password: `p:a\ss`},
		Replication: config.Account{Username: "repl", Password: "x", SSLMode: "prefer"}, UseRewind: true,
		Rewind: config.Account{Username: "postgres", Password: `p:a\ss`},
	}
}

// settings reads the content of postgresql.conf back.
func settings(t *testing.T, c *config.Config) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.DataDir, "postgresql.conf"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			out[k] = strings.NewReplacer(`\\`, `\`, "''", "'").Replace(v[1 : len(v)-1])
		}
	}
	return out
}

func TestWrite(t *testing.T) {
	c := example(t)
	if err := os.WriteFile(filepath.Join(c.DataDir, "postgresql.conf"), []byte("lc_messages = 'C'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	auto := "# Do not edit\nwork_mem = '8MB'\nprimary_conninfo = 'host=evil'\n"
	if err := os.WriteFile(filepath.Join(c.DataDir, "postgresql.auto.conf"), []byte(auto), 0o600); err != nil {
		t.Fatal(err)
	}
	in := Intent{Upstream: &Peer{Name: "two", Host: "10.0.0.2", Port: 5432}, Raised: map[string]int{"max_connections": 80}}
	for i, want := range []bool{true, false} {
		if changed, err := Write(c, c.DataDir, in); err != nil || changed != want {
			t.Errorf("write %d: %v %v", i, changed, err)
		}
	}
	got := settings(t, c)
	for name, want := range map[string]string{
		"max_connections": "80", "search_path": `a\b'c`, "cluster_name": "it's", "primary_slot_name": "node_1",
		"restore_command": "cp /a/%f %p", "restart_after_crash": "off", "include_if_exists": "postgresql.base.conf",
		"primary_conninfo": PrimaryConninfo(c, in.Upstream),
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	for name, want := range map[string]string{
		"postgresql.base.conf": "lc_messages = 'C'\n", "postgresql.auto.conf": "# Do not edit\nwork_mem = '8MB'\n",
	} {
		raw, err := os.ReadFile(filepath.Join(c.DataDir, name))
		if diff := cmp.Diff(want, string(raw)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// A postgresql.conf that another supervisor made of a base of the same name does not become the base, which it includes.
func TestFoundConf(t *testing.T) {
	c := example(t)
	files := map[string]string{"postgresql.base.conf": "lc_messages = 'C'\n", "postgresql.conf": "include 'postgresql.base.conf'\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.DataDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := Write(c, c.DataDir, Intent{}); err != nil {
			t.Fatal(err)
		}
	}
	files["postgresql.found.conf"] = files["postgresql.conf"]
	delete(files, "postgresql.conf")
	for name, want := range files {
		raw, err := os.ReadFile(filepath.Join(c.DataDir, name))
		if diff := cmp.Diff(want, string(raw)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// With nobody to follow, nothing is restored either.
func TestDetachedConf(t *testing.T) {
	c := example(t)
	if _, err := Write(c, c.DataDir, Intent{}); err != nil {
		t.Fatal(err)
	}
	got := settings(t, c)
	for _, name := range []string{"primary_conninfo", "primary_slot_name", "restore_command"} {
		if v, there := got[name]; !there || v != "" {
			t.Errorf("%s = %q", name, v)
		}
	}
}

func TestUpstream(t *testing.T) {
	c := example(t)
	in := Intent{Upstream: &Peer{Name: "two", Host: "10.0.0.2", Port: 5432}}
	for conninfo, want := range map[string]string{
		"": "", PrimaryConninfo(c, in.Upstream): "two", "host='10.0.0.9' port='5432' user=x": "10.0.0.9:5432",
	} {
		if got := Upstream(c, in, conninfo); got != want {
			t.Errorf("%q leads to %q, want %q", conninfo, got, want)
		}
	}
}

func TestHBA(t *testing.T) {
	c := example(t)
	first := `local all "postgres" peer map=pgvigil`
	for name, x := range map[string]struct {
		user []string
		want []string
	}{
		"default": {nil, []string{first, `host replication "repl" all scram-sha-256`, `host "postgres" "postgres" all scram-sha-256`, "local all all scram-sha-256", "host all all all scram-sha-256"}},
		"lines":   {[]string{"host app app 10.0.0.0/8 scram-sha-256"}, []string{first, `host replication "repl" all scram-sha-256`, `host "postgres" "postgres" all scram-sha-256`, "host app app 10.0.0.0/8 scram-sha-256"}},
		"replication by the user": {[]string{"hostssl replication repl 10.0.0.0/8 scram-sha-256"},
			[]string{first, `host "postgres" "postgres" all scram-sha-256`, "hostssl replication repl 10.0.0.0/8 scram-sha-256"}},
	} {
		c.HBA = x.user
		if diff := cmp.Diff(header+strings.Join(x.want, "\n")+"\n", hba(c, "")); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestPassfile(t *testing.T) {
	want := "*:*:*:repl:x\n*:*:*:postgres:p\\:a\\\\ss\n"
	if diff := cmp.Diff(want, passfile(example(t))); diff != "" {
		t.Error(diff)
	}
}

func TestIntentRoundTrip(t *testing.T) {
	c := example(t)
	want := Intent{Upstream: &Peer{Name: "two", Host: "h", Port: 1}, SyncNames: "ANY 1 (two)", Slots: []string{"two"}}
	if err := want.Save(c); err != nil {
		t.Fatal(err)
	}
	got, err := LoadIntent(c)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// What a server was found with stays in force where the configuration says nothing, unless a cluster cannot work with it.
func TestFound(t *testing.T) {
	c := example(t)
	c.Defaults = map[string]string{"max_connections": "100", "max_wal_senders": "10", "wal_level": "replica"}
	c.Parameters = nil
	etc := t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(etc, "pg_hba.conf"):                "host all app all md5\n",
		filepath.Join(etc, "pg_ident.conf"):              "m a b\n",
		filepath.Join(c.DataDir, "postgresql.auto.conf"): "wal_level = 'minimal'\nport = '1'\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := Found(c, []Setting{{"max_connections", "500"}, {"max_wal_senders", "2"}, {"port", "7"}},
		filepath.Join(etc, "pg_hba.conf"), filepath.Join(etc, "pg_ident.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(c, c.DataDir, Intent{Elsewhere: true}); err != nil {
		t.Fatal(err)
	}
	got := settings(t, c)
	if _, there := got["max_connections"]; there || got["max_wal_senders"] != "10" || got["wal_level"] != "replica" {
		t.Errorf("settings: %v", got)
	}
	for name, want := range map[string]string{
		"postgresql.base.conf": "max_connections = '500'\n",
		"pg_hba.conf":          "\nhost all app all md5\n",
		"pg_ident.conf":        "m a b\n",
		"postgresql.auto.conf": "wal_level = 'minimal'\ncluster_name = 'it''s'\n",
	} {
		if raw, err := os.ReadFile(filepath.Join(c.DataDir, name)); err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s: %v\n%s", name, err, raw)
		}
	}
	if _, err := Write(c, c.DataDir, Intent{}); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(c.DataDir, "postgresql.auto.conf")); err != nil || string(raw) != "wal_level = 'minimal'\n" {
		t.Errorf("postgresql.auto.conf: %v\n%s", err, raw)
	}
}
