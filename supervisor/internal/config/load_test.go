// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const rest = `
dcs "etcd" {}
postgres { connect = "10.0.0.1:5432" }
`

// write makes a file that only its owner reads.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustLoad loads text that is right.
func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	c, diags := testLoader().Load(write(t, t.TempDir(), "pgvigil.hcl", text))
	if c == nil || len(diags.List) > 0 {
		t.Fatalf("diagnostics:\n%s", linesOf(diags))
	}
	return c
}

func linesOf(diags *Diagnostics) string {
	var b strings.Builder
	_ = diags.WriteLines(&b)
	return b.String()
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, `cluster "demo" {}`+rest)
	want := &Config{
		Cluster:              Cluster{Name: "demo", Namespace: "/service", Member: "mdw"},
		Timing:               Timing{TTL: 30 * time.Second, DriftPPM: 10_000, PrimaryStartTimeout: 5 * time.Minute, PrimaryStopTimeout: 30 * time.Second},
		Durability:           "async",
		Quorum:               Quorum{SyncStandbys: 1, MinSync: 1, SuspectAfter: 800 * time.Millisecond},
		MaximumLagOnFailover: 1 << 20,
		API:                  API{Listen: "0.0.0.0:8008", Connect: "10.0.0.1:8008"},
		DCS:                  PluginBlock{Kind: "dcs", Name: "etcd", Command: "/usr/libexec/pgvigil/plugins/pgvigil-plugin-etcd", Transport: "auto-mtls"},
		Postgres:             PluginBlock{Kind: "postgres", Name: "postgres", Command: "/usr/libexec/pgvigil/plugins/pgvigil-plugin-postgres", Transport: "auto-mtls"},
		Server:               Server{Host: "10.0.0.1", Port: 5432, UseRewind: true, RemoveDataOnRewindFailure: true, User: "postgres"},
		Watchdog:             Watchdog{Mode: "automatic", Device: "/dev/watchdog", SafetyMargin: 5 * time.Second, Timeout: 25 * time.Second},
		Tags:                 Tags{FailoverPriority: 1, Custom: map[string]string{}},
		Log:                  Log{Level: slog.LevelInfo, Format: "text"},
		RunDir:               "/run/pgvigil/demo",
		StateDir:             "/var/lib/pgvigil/demo",
		PluginDir:            "/usr/libexec/pgvigil/plugins",
	}
	ignore := []cmp.Option{cmpopts.IgnoreUnexported(Config{}, PluginBlock{}, Heartbeats{}), cmpopts.IgnoreFields(PluginBlock{}, "Range")}
	if diff := cmp.Diff(want, c, ignore...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEverythingSet(t *testing.T) {
	c := mustLoad(t, `
run_dir    = "/run/x/"
state_dir  = "/var/x"
plugin_dir = "/opt/plugins"
cluster "demo" {
  namespace               = "/db"
  member                  = "a1"
  ttl                     = "3s"
  clock_drift_ppm         = 200
  maximum_lag_on_failover = "1.5MB"
  primary_start_timeout   = "1m"
  primary_stop_timeout    = "10s"
  durability              = "quorum"
  synchronous_standbys    = 2
  min_sync                = 0
  suspect_after           = "1200ms"
}
heartbeats {
  secret_file = "/etc/pgvigil/heartbeat.secret"
}
api {
  listen  = "*:9008"
  connect = "a1.example:9008"
  tls {
    cert_file     = "/c"
    key_file      = "/k"
    ca_file       = "/a"
    verify_client = "optional"
  }
  auth {
    username = "admin"
    password = credential("etcd")
  }
}
dcs "etcd" {}
postgres {
  listen                        = "0.0.0.0:5433"
  connect                       = "[fd00::1]:5433"
  user                          = "pg"
  use_rewind                    = false
  remove_data_on_rewind_failure = false
  plugin {
    command   = "/opt/pg"
    sha256    = "`+strings.Repeat("AB", 32)+`"
    args      = ["-v"]
    env       = { LEVEL = 3, ON = true }
    transport = "insecure-local"
  }
}
router "haproxy" {}
router "keepalived" {}
watchdog {
  mode          = "required"
  device        = "/dev/watchdog1"
  safety_margin = "1500ms"
}
tags {
  failover_priority = 7
  noloadbalance     = true
  clonefrom         = true
  nosync            = true
  rack              = 12
}
log {
  level  = "debug"
  format = "json"
}
`)
	if got := c.Postgres; got.Command != "/opt/pg" || got.SHA256 != strings.Repeat("ab", 32) || got.Transport != TransportLocal ||
		!cmp.Equal(got.Args, []string{"-v"}) || !cmp.Equal(got.Env, map[string]string{"LEVEL": "3", "ON": "true"}) {
		t.Errorf("postgres plugin: %+v", got)
	}
	if want := (API{Listen: ":9008", Connect: "a1.example:9008",
		TLS:  &APITLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a", VerifyClient: "optional"},
		Auth: &APIAuth{Username: "admin", Password: "s3cret"}}); !cmp.Equal(want, c.API) {
		t.Errorf("api: %s", cmp.Diff(want, c.API))
	}
	if p := c.Policy(); !p.Quorum || p.SyncStandbys != 2 || p.MinSync != 0 || p.SuspectAfter != 1200*core.Millisecond {
		t.Errorf("policy: %+v", p)
	}
	if c.Heartbeats.SecretFile != "/etc/pgvigil/heartbeat.secret" {
		t.Errorf("heartbeats: %+v", c.Heartbeats)
	}
	if want := (Watchdog{Mode: "required", Device: "/dev/watchdog1", SafetyMargin: 1500 * time.Millisecond, Timeout: time.Second}); c.Watchdog != want {
		t.Errorf("watchdog: %+v", c.Watchdog)
	}
	if want := (Server{Host: "fd00::1", Port: 5433, User: "pg"}); c.Server != want {
		t.Errorf("server: %+v", c.Server)
	}
	if c.MaximumLagOnFailover != 1536<<10 || c.RunDir != "/run/x" || c.Routers[1].Command != "/opt/plugins/pgvigil-plugin-keepalived" || c.Log.Level != slog.LevelDebug {
		t.Errorf("%+v", c)
	}
	policy := c.Policy()
	if policy.Self.Tags["rack"] != "12" || policy.Self.Tags["nosync"] != "true" || policy.Self.Priority != 7 || policy.Self.Port != 5433 ||
		policy.TTL.String() != "3.000s" || policy.Rewind || policy.Reclone || policy.DriftPPM != 200 {
		t.Errorf("policy: %+v", policy)
	}
}

func TestFilesAddUp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "pgvigil.hcl", `cluster "demo" {}`)
	write(t, dir, "conf.d/20-b.hcl", rest)
	write(t, dir, "conf.d/10-a.hcl", `router "a" {}`)
	write(t, dir, "conf.d/30-c.hcl", `router "c" {}`)
	write(t, dir, "conf.d/40-old.hcl.rpmnew", `{{{`)
	write(t, dir, "conf.d/.hidden.hcl", `{{{`)
	write(t, dir, "stray.hcl", `{{{`)
	c, diags := testLoader().Load(dir)
	if c == nil || len(diags.List) > 0 {
		t.Fatal(linesOf(diags))
	}
	if len(c.Routers) != 2 || c.Routers[0].Name != "a" || len(c.Plugins()) != 4 {
		t.Errorf("routers: %v", c.Routers)
	}
	if c, diags := testLoader().Load(dir, filepath.Join(dir, "conf.d", "10-a.hcl")); c == nil {
		t.Errorf("a file named twice is read once: %s", linesOf(diags))
	}
}

func TestPluginsBesideTheDaemon(t *testing.T) {
	build := t.TempDir()
	if err := os.Mkdir(filepath.Join(build, "plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := testLoader()
	l.Executable = func() (string, error) { return filepath.Join(build, "pgvigild"), nil }
	c, _ := l.Load(write(t, t.TempDir(), "x.hcl", `cluster "demo" {}`+rest))
	if want := filepath.Join(build, "plugins", "pgvigil-plugin-etcd"); c.DCS.Command != want {
		t.Errorf("command %s, want %s", c.DCS.Command, want)
	}
}

func TestAddressesByDefault(t *testing.T) {
	for _, test := range []struct{ api, postgres, server, connect string }{
		{``, `connect = "10.0.0.1:6000"`, "10.0.0.1:6000", "10.0.0.1:8008"},
		{`listen = "10.0.0.9:8000"`, `connect = "10.0.0.1:6000"`, "10.0.0.1:6000", "10.0.0.9:8000"},
		{`listen = "[::]:8000"`, `listen = "10.0.0.2:5433"`, "10.0.0.2:5433", "10.0.0.2:8000"},
		{``, `listen = "*:5433"`, "mdw:5433", "mdw:8008"},
		{``, ``, "mdw:5432", "mdw:8008"},
	} {
		c := mustLoad(t, fmt.Sprintf("cluster \"demo\" {}\napi {\n %s\n}\ndcs \"etcd\" {}\npostgres {\n %s\n}\n", test.api, test.postgres))
		if got := joinAddress(c.Server.Host, c.Server.Port); got != test.server || c.API.Connect != test.connect {
			t.Errorf("%q %q: server %s, api %s", test.api, test.postgres, got, c.API.Connect)
		}
	}
}

func TestDCSOnly(t *testing.T) {
	path := write(t, t.TempDir(), "x.hcl", `cluster "demo" {}
dcs "etcd" {}`)
	if c, _ := testLoader().Load(path); c != nil {
		t.Error("loaded without a postgres block")
	}
	l := testLoader()
	l.DCSOnly = true
	c, diags := l.Load(path)
	if c == nil || len(c.Plugins()) != 1 {
		t.Errorf("%s", linesOf(diags))
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	large := write(t, dir, "large.hcl", strings.Repeat("#", maxFileBytes+1))
	for _, path := range []string{filepath.Join(dir, "absent.hcl"), large, "/dev/null"} {
		if c, diags := testLoader().Load(path); c != nil || !diags.HasErrors() || diags.Err() == nil {
			t.Errorf("%s: %s", path, linesOf(diags))
		}
	}
	if c, diags := testLoader().Load(); c != nil || !diags.HasErrors() {
		t.Error("loaded nothing at all")
	}
}

func TestSecretsAreHidden(t *testing.T) {
	auth := &APIAuth{Username: "admin", Password: "s3cret"}
	js, err := json.Marshal(auth)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", auth.Password, "auth", auth)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", *auth, *auth, *auth, auth.Password), string(js), log.String()} {
		if strings.Contains(text, "s3cret") {
			t.Errorf("shown: %s", text)
		}
	}
	path := write(t, t.TempDir(), "password", "s3cret\n")
	if got, err := (&APIAuth{PasswordFile: path}).ReadPassword(); err != nil || got != "s3cret" {
		t.Errorf("password file: %v", err)
	}
}

// A secret that stands in a file which everybody can read is worth a warning; one that is fetched is not.
func TestPublicSecret(t *testing.T) {
	for _, test := range []struct {
		value string
		mode  os.FileMode
		want  bool
	}{
		{`"s3cret"`, 0o644, true},
		{`"s3cret"`, 0o640, false},
		{`credential("etcd")`, 0o644, false},
		{`"${env("ETCD_PASSWORD")}"`, 0o644, false},
	} {
		path := write(t, t.TempDir(), "x.hcl", `cluster "demo" {}
postgres { connect = "10.0.0.1:5432" }
dcs "etcd" {
  password = `+test.value+`
}`)
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		c, _ := testLoader().Load(path)
		_, _, diags := c.DecodePlugin(c.DCS, testSchema("etcd"))
		if got := diags.count(Warning) == 1; got != test.want || diags.HasErrors() {
			t.Errorf("%s with mode %o: %s", test.value, test.mode, linesOf(diags))
		}
	}
}

// The secret of heartbeats is read when it is needed, and what is wrong with it has a place.
func TestHeartbeatSecret(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "heartbeat.secret", "0123456789abcdef\n")
	text := func(body string) string {
		return `cluster "demo" { durability = "quorum" }
postgres { connect = "10.0.0.1:5432" }
dcs "etcd" {}
` + body
	}
	read := func(body string) (string, string) {
		secret, diags := mustLoad(t, text(body)).ReadSecret()
		return string(secret), linesOf(diags)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	byFile := fmt.Sprintf("heartbeats { secret_file = %q }", file)
	if secret, found := read(byFile); secret != "0123456789abcdef" || found != "" {
		t.Errorf("secret of %d bytes, %s", len(secret), found)
	}
	if secret, found := read(`heartbeats { secret = "${env("ETCD_PASSWORD")}${env("ETCD_PASSWORD")}${env("ETCD_PASSWORD")}" }`); secret != "s3crets3crets3cret" || found != "" {
		t.Errorf("secret of %d bytes, %s", len(secret), found)
	}
	if secret, found := read(""); secret != "" || found != "" {
		t.Errorf("secret of %d bytes, %s", len(secret), found)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if secret, found := read(byFile); secret == "" || !strings.Contains(found, ":4:28: warning: Secret in a file that everybody can read") {
		t.Errorf("secret of %d bytes, %s", len(secret), found)
	}
	write(t, dir, "heartbeat.secret", "0123456789abcde\n\n")
	if secret, found := read(byFile); secret != "" || !strings.Contains(found, ":4:28: error: The secret of heartbeats is too short: ") || strings.Contains(found, "89abc") {
		t.Errorf("secret of %d bytes, %s", len(secret), found)
	}
	os.Remove(file)
	if secret, found := read(byFile); secret != "" || !strings.Contains(found, "cannot be read: "+file+": no such file") {
		t.Errorf("secret of %d bytes, %s", len(secret), found)
	}
}
