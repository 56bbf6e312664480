// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/dcsserver"
)

// etcdEnv holds a dcsserver.Config as JSON; its presence makes the test binary an etcd.
const etcdEnv = "PGVIGIL_TEST_DOCTOR_ETCD"

// built is the directory of the plugins.
var built string

func TestMain(m *testing.M) {
	if raw := os.Getenv(etcdEnv); raw != "" {
		os.Exit(etcd(raw))
	}
	os.Exit(run(m))
}

func etcd(raw string) int {
	var c dcsserver.Config
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test; a death signal would come with the thread that forked
		cancel()
	}()
	if err := dcsserver.Run(ctx, c, slog.New(slog.DiscardHandler)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func run(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("/tmp", "pgv-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(built)
	for _, name := range []string{"etcd", "postgres", "haproxy", "keepalived", "pgbouncer", "example"} {
		path := filepath.Join(built, "pgvigil-plugin-"+name)
		build := exec.Command("go", "build", "-o", path, "github.com/pgvigil/pgvigil/plugins/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build of %s: %v\n%s", name, err, out)
			return 1
		}
		if err := os.Chmod(path, 0o755); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// place is a short directory.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgv-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// free is a port of loopback that nobody has.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// sick is a host in a directory, to be made ill before it is loaded.
type sick struct {
	dir, api, server, dcs, user string
	// postgres is added to its block, more after all.
	postgres, more string
	status         func(context.Context) (*api.Status, error)
}

func newHost(t *testing.T) *sick {
	t.Helper()
	h := &sick{dir: place(t), api: free(t), server: free(t), dcs: "http://" + free(t), user: "postgres"}
	h.status = func(context.Context) (*api.Status, error) { return nil, errors.New("nobody there") }
	write(t, h.path("password"), "secret\n", 0o600)
	if err := os.Mkdir(h.path("pg"), 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *sick) path(name string) string { return filepath.Join(h.dir, name) }

// doctor reads the configuration of the host.
func (h *sick) doctor(t *testing.T) *Doctor {
	t.Helper()
	text := fmt.Sprintf(`
run_dir    = "%[1]s/run"
state_dir  = "%[1]s/state"
plugin_dir = "%[2]s"
cluster "demo" { member = "mdw" }
api {
  listen  = "%[3]s"
  connect = "%[3]s"
}
dcs "etcd" {
  endpoints       = ["%[4]s"]
  request_timeout = "1s"
}
postgres {
  listen   = "%[5]s"
  connect  = "%[5]s"
  data_dir = "%[1]s/pg/data"
  user     = "%[6]s"
  superuser { password_file = "%[1]s/password" }
  replication { password_file = "%[1]s/password" }
  %[7]s
}
%[8]s
`, h.dir, built, h.api, strings.ReplaceAll(h.dcs, ",", `","`), h.server, h.user, h.postgres, h.more)
	cfg, diags := config.Load(write(t, h.path("pgvigil.hcl"), text, 0o600))
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return &Doctor{Config: cfg, Found: diags, Status: h.status}
}

// examine makes all checks.
func (h *sick) examine(t *testing.T) []Finding {
	t.Helper()
	return h.doctor(t).Run(t.Context())
}

// alone runs one check.
func alone(t *testing.T, d *Doctor, check func(context.Context, *report)) []Finding {
	t.Helper()
	if d.status == nil {
		d.status = func() *api.Status { return nil }
	}
	r := &report{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check(ctx, r)
	return r.found()
}

// expect wants a finding with an id and a severity whose texts contain all words.
func expect(t *testing.T, all []Finding, id string, severity Severity, words ...string) {
	t.Helper()
	for _, f := range all {
		text := f.Found + " ⇒ " + f.Change
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(text, w)
		}
		if f.ID == id && f.Severity == severity && !missing {
			return
		}
	}
	t.Errorf("no %s %s with %q among", severity, id, words)
	for _, f := range all {
		t.Logf("%-7s %s: %s ⇒ %s", f.Severity, f.ID, f.Found, f.Change)
	}
}

// startEtcd runs an etcd of one member until the test ends, and returns its URL when it answers.
func startEtcd(t *testing.T) string {
	t.Helper()
	client, peer := "http://"+free(t), "http://"+free(t)
	raw, err := json.Marshal(dcsserver.Config{
		Cluster: "demo", Namespace: "/service", Name: "m", DataDir: filepath.Join(place(t), "etcd"),
		ListenClient: client, ListenPeer: peer, Members: map[string]string{"m": peer},
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = append(os.Environ(), etcdEnv+"="+string(raw)), os.Stderr
	alive, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = alive.Close()
		_ = cmd.Wait()
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(client, "http://")); err == nil {
			_ = conn.Close()
			return client
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("etcd does not listen within 30 s")
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
