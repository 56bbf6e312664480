// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Secrets of the lab, which must never be seen on a command line.
const (
	superPassword = "s3cret:of'the\\super"
	replPassword  = "s3cret of the standby"
)

// versions are the directories of PostgreSQL's programs to test with.
func versions(t testing.TB) []string {
	t.Helper()
	if list := os.Getenv("PGVIGIL_TEST_PG"); list != "" {
		return strings.Split(list, ":")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Fatal("no PostgreSQL in /usr/lib/postgresql: set PGVIGIL_TEST_PG to its directories of programs")
	}
	return found[len(found)-1:]
}

// eachVersion runs a test once per PostgreSQL.
func eachVersion(t *testing.T, f func(t *testing.T, bin string)) {
	t.Helper()
	for _, bin := range versions(t) {
		t.Run(testName(bin), func(t *testing.T) { f(t, bin) })
	}
}

// testName makes a directory part of a test's name.
func testName(bin string) string { return strings.Trim(strings.ReplaceAll(bin, "/", "_"), "_") }

// binaries are built once.
var binaries struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
	os.Exit(code)
}

// build builds the plugin and the launcher, for which PGVIGIL_LAUNCHER may name a built one.
func build(t testing.TB) (plugin, launcher string) {
	t.Helper()
	binaries.Do(func() {
		if binaries.dir, binaries.err = os.MkdirTemp("/tmp", "pgvbin"); binaries.err != nil {
			return
		}
		binaries.err = os.Chmod(binaries.dir, 0o755)
		for name, pkg := range map[string]string{"plugin": ".", "launcher": "../../supervisor/cmd/pgvigil-launcher"} {
			if out, err := exec.Command("go", "build", "-o", filepath.Join(binaries.dir, name), pkg).CombinedOutput(); err != nil {
				binaries.err = fmt.Errorf("build of %s: %w\n%s", pkg, err, out)
			}
		}
	})
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	launcher = filepath.Join(binaries.dir, "launcher")
	if given := os.Getenv("PGVIGIL_LAUNCHER"); given != "" {
		launcher = given
	}
	return filepath.Join(binaries.dir, "plugin"), launcher
}

// host is one member's directories, configuration and plugin.
type host struct {
	t       testing.TB // the test that made it, which may outlive the one that uses it
	name    string
	dir     string
	port    uint32
	body    map[string]any
	process *plugintest.Process
	conn    *grpc.ClientConn
}

// newHost starts a plugin for a member without data.
func newHost(t testing.TB, bin, name string) *host {
	t.Helper()
	plugin, _ := build(t)
	h := &host{t: t, name: name, dir: plugintest.Dir(t), port: freePort(t)}
	for _, d := range []string{"run", "run/postgres", "state", "state/postgres"} {
		if err := os.Mkdir(filepath.Join(h.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.body = map[string]any{
		"listen": fmt.Sprintf("127.0.0.1:%d", h.port), "connect": fmt.Sprintf("127.0.0.1:%d", h.port),
		"data_dir": filepath.Join(h.dir, "pg", "data"), "bin_dir": bin,
		"parameters":  map[string]string{"shared_buffers": "16MB", "max_wal_size": "256MB"},
		"superuser":   map[string]any{"username": "postgres", "password": superPassword},
		"replication": map[string]any{"username": "replicator", "password": replPassword},
	}
	if err := os.Mkdir(filepath.Join(h.dir, "pg"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := osAccount(t)
	if err := a.Own(filepath.Join(h.dir, "pg")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.killAll(t) })
	h.process = &plugintest.Process{Path: plugin}
	h.conn = h.process.Start(t)
	h.configure(t)
	return h
}

func osAccount(t testing.TB) proc.Account {
	t.Helper()
	a, err := proc.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func freePort(t testing.TB) uint32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint32(l.Addr().(*net.TCPAddr).Port)
}

// configure makes the body current, without any diagnostic.
func (h *host) configure(t testing.TB) {
	t.Helper()
	if found := h.tryConfigure(t); len(found) > 0 {
		t.Fatalf("configure: %v", found)
	}
}

func (h *host) tryConfigure(t testing.TB) []*pluginv1.Diagnostic {
	t.Helper()
	raw, err := json.Marshal(h.body)
	if err != nil {
		t.Fatal(err)
	}
	_, launcher := build(t)
	resp, err := pluginv1.NewBaseClient(h.conn).Configure(within(t), &pluginv1.ConfigureRequest{
		ConfigJson: raw,
		Host: &pluginv1.HostContext{
			Member: h.name, Cluster: "lab", Launcher: launcher, TtlNs: int64(30 * time.Second),
			RunDir: filepath.Join(h.dir, "run", "postgres"), StateDir: filepath.Join(h.dir, "state", "postgres"),
		},
	})
	if err != nil {
		t.Fatalf("configure: %v", err)
	}
	return resp.GetDiagnostics()
}

// set changes one PostgreSQL parameter.
func (h *host) set(t testing.TB, name, value string) {
	t.Helper()
	p := maps.Clone(h.body["parameters"].(map[string]string))
	p[name] = value
	h.body["parameters"] = p
	h.configure(t)
}

// restart kills the plugin and starts another.
func (h *host) restart(t testing.TB) *grpc.ClientConn {
	t.Helper()
	h.process.Kill(t)
	h.process = &plugintest.Process{Path: h.process.Path}
	h.conn = h.process.Start(h.t)
	h.configure(t)
	return h.conn
}

func (h *host) client() pluginv1.PostgresClient { return pluginv1.NewPostgresClient(h.conn) }

func (h *host) peer() *pluginv1.Peer {
	return &pluginv1.Peer{Name: h.name, Host: "127.0.0.1", Port: h.port}
}

func (h *host) dataDir() string { return h.body["data_dir"].(string) }

func (h *host) state(name string) string { return filepath.Join(h.dir, "state", "postgres", name) }

// sql runs a statement over TCP, with the password.
func (h *host) sql(ctx context.Context, statement string) (string, error) {
	cfg, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable passfile=/dev/null", h.port))
	if err != nil {
		return "", err
	}
	cfg.Password = superPassword
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, statement).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

func (h *host) mustSQL(t testing.TB, statement string) string {
	t.Helper()
	out, err := h.sql(within(t), statement)
	if err != nil {
		t.Fatalf("%s on %s: %v", statement, h.name, err)
	}
	return out
}

// node is the host as the conformance suite sees it.
func (h *host) node() plugintest.PostgresNode {
	return plugintest.PostgresNode{
		Name: h.name, Host: "127.0.0.1", Port: h.port, Conn: h.conn, SQL: h.sql, Restart: h.restart, Set: h.set,
	}
}

// killAll leaves no process behind, whatever the test did.
func (h *host) killAll(t testing.TB) {
	t.Helper()
	kill := func(pid int) {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	var record struct{ PID int }
	if raw, err := os.ReadFile(filepath.Join(h.dir, "run", "launcher.json")); err == nil && json.Unmarshal(raw, &record) == nil && record.PID > 0 {
		if cmd, err := os.ReadFile("/proc/" + strconv.Itoa(record.PID) + "/cmdline"); err == nil && strings.Contains(string(cmd), h.dir) {
			kill(record.PID)
		}
	}
	plugintest.Eventually(t, "nothing of "+h.name+" is left", func() bool {
		left, err := proc.Occupants(h.dataDir())
		for _, pid := range left {
			kill(pid)
		}
		return err == nil && len(left) == 0
	})
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), plugintest.Patience)
	t.Cleanup(cancel)
	return ctx
}
