// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// password of each of PgBouncer's users.
const password = "s3cret of 'pgvigil'"

// eachVersion runs a test once per PgBouncer: that of the system, or those that PGVIGIL_TEST_PGBOUNCER lists.
func eachVersion(t *testing.T, f func(t *testing.T, program string)) {
	t.Helper()
	list := os.Getenv("PGVIGIL_TEST_PGBOUNCER")
	if list == "" {
		found, err := exec.LookPath("pgbouncer")
		if err != nil {
			t.Fatalf("no PgBouncer in PATH: set PGVIGIL_TEST_PGBOUNCER to its programs, separated by colons: %v", err)
		}
		list = found
	}
	for _, program := range strings.Split(list, ":") {
		out, err := exec.Command(program, "--version").Output()
		if err != nil {
			t.Fatalf("%s --version: %v", program, err)
		}
		version := strings.Fields(string(out))[1]
		t.Run(version, func(t *testing.T) { f(t, program) })
	}
}

// daemon is a process of user postgres.
type daemon struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs a program as user postgres until the test ends. Its output is shown if the test failed.
func start(t testing.TB, end syscall.Signal, program string, args ...string) *daemon {
	t.Helper()
	d := &daemon{cmd: exec.Command(program, args...), done: make(chan struct{})}
	d.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	d.cmd.Dir = "/"
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account(t), Pdeathsig: end, Setpgid: true}
	var out lockedBuffer
	d.cmd.Stdout, d.cmd.Stderr = &out, &out
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait()
	}()
	t.Cleanup(func() {
		d.stop(t, syscall.SIGCONT, end)
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(program), out.String())
		}
	})
	return d
}

// stop sends signals and waits until the process is gone.
func (d *daemon) stop(t testing.TB, signals ...syscall.Signal) {
	t.Helper()
	for _, sig := range signals {
		_ = d.cmd.Process.Signal(sig) // it may have ended
	}
	plugintest.Eventually(t, d.cmd.Path+" is gone", func() bool {
		select {
		case <-d.done:
			return true
		default:
			return false
		}
	})
}

// account is user postgres, or nil when this process is not root.
func account(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// ownDir is a directory of user postgres with a short path.
func ownDir(t testing.TB) string {
	t.Helper()
	dir := plugintest.Dir(t)
	if c := account(t); c != nil {
		if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lockedBuffer may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// postgres is a data directory and, in turn, servers on it: to its clients a switchover looks just like that.
type postgres struct {
	bin, dir string
	port     int
	server   *daemon
}

// newPostgres makes a server with a database app, a user app, and a table for the tests.
func newPostgres(t testing.TB) *postgres {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Fatal("no PostgreSQL in /usr/lib/postgresql")
	}
	p := &postgres{bin: found[len(found)-1], dir: ownDir(t)}
	initdb := exec.Command(filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", "app", "-A", "trust", "-N", "--locale=C")
	initdb.Dir = "/"
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: account(t)}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.start(t)
	exec1(t, dial(t, p.port, "postgres"), "CREATE DATABASE app")
	exec1(t, dial(t, p.port, "app"), "CREATE TABLE writes (client int, n int)")
	return p
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

// start runs a server on a port of its own.
func (p *postgres) start(t testing.TB) {
	t.Helper()
	p.port = freePort(t)
	p.server = start(t, syscall.SIGQUIT, filepath.Join(p.bin, "postgres"), "-D", p.data(), "-p", strconv.Itoa(p.port),
		"-k", p.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB")
	plugintest.Eventually(t, "PostgreSQL takes connections", func() bool {
		conn, err := pgconn.Connect(within(t), conninfo("127.0.0.1", p.port, "app", "postgres"))
		if err == nil {
			_ = conn.Close(within(t))
		}
		return err == nil
	})
}

// move ends the server as a switchover does and starts one on another port.
func (p *postgres) move(t testing.TB) {
	t.Helper()
	p.server.stop(t, syscall.SIGINT)
	p.start(t)
}

// rows counts what has been written, past PgBouncer.
func (p *postgres) rows(t testing.TB) int64 {
	t.Helper()
	n, err := strconv.ParseInt(exec1(t, dial(t, p.port, "app"), "SELECT count(*) FROM writes"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *postgres) endpoint(name string) *pluginv1.Endpoint {
	return &pluginv1.Endpoint{Name: name, Host: "127.0.0.1", Port: uint32(p.port)}
}

// bouncer is a PgBouncer.
type bouncer struct {
	program, dir string
	port         int
	server       *daemon
}

// newBouncer starts a PgBouncer that includes the databases file, if one is given. Lines are added to its section
// pgbouncer.
func newBouncer(t testing.TB, program, databases string, lines ...string) *bouncer {
	t.Helper()
	b := &bouncer{program: program, dir: ownDir(t), port: freePort(t)}
	b.configure(t, databases, lines...)
	b.start(t)
	return b
}

// configure writes the configuration. A line wins over an earlier one.
func (b *bouncer) configure(t testing.TB, databases string, lines ...string) {
	t.Helper()
	var users strings.Builder
	for _, name := range []string{"app", "pgvigil", "viewer"} {
		fmt.Fprintf(&users, "%q %q\n", name, password)
	}
	b.write(t, "users.txt", users.String())
	ini := append([]string{
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprint("listen_port = ", b.port), "unix_socket_dir = " + b.dir,
		"auth_type = scram-sha-256", "auth_file = " + filepath.Join(b.dir, "users.txt"),
		"admin_users = pgvigil", "stats_users = viewer", "pool_mode = transaction",
		"default_pool_size = 10", "server_login_retry = 1", "pidfile = " + filepath.Join(b.dir, "pid"),
	}, lines...)
	if databases != "" {
		ini = append(ini, "%include "+databases)
	}
	b.write(t, "pgbouncer.ini", strings.Join(ini, "\n")+"\n")
}

func (b *bouncer) write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (b *bouncer) start(t testing.TB) {
	t.Helper()
	b.server = start(t, syscall.SIGKILL, b.program, filepath.Join(b.dir, "pgbouncer.ini"))
	plugintest.Eventually(t, "PgBouncer takes connections", func() bool {
		conn, err := pgconn.Connect(within(t), conninfo(b.dir, b.port, "pgvigil", "pgbouncer"))
		if err == nil {
			_ = conn.Close(within(t))
		}
		return err == nil
	})
}

// console is the connection string that the plugin is given, for a user.
func (b *bouncer) console(name string) string {
	return fmt.Sprintf("host=%s port=%d user=%s", b.dir, b.port, name)
}

// show runs a command of the console and returns what it shows, by column.
func (b *bouncer) show(t testing.TB, command string) []map[string]string {
	t.Helper()
	conn, err := pgconn.Connect(within(t), conninfo(b.dir, b.port, "pgvigil", "pgbouncer"))
	if err != nil {
		t.Fatalf("console: %v", err)
	}
	defer conn.Close(within(t))
	results, err := conn.Exec(within(t), command).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	var rows []map[string]string
	for _, result := range results {
		for _, cells := range result.Rows {
			row := map[string]string{}
			for i, cell := range cells {
				row[result.FieldDescriptions[i].Name] = string(cell)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// waiting is how many clients wait for a connection to the server.
func (b *bouncer) waiting(t testing.TB) int {
	t.Helper()
	sum := 0
	for _, pool := range b.show(t, "SHOW POOLS") {
		n, err := strconv.Atoi(pool["cl_waiting"])
		if err != nil {
			t.Fatalf("SHOW POOLS: %v", err)
		}
		sum += n
	}
	return sum
}

func conninfo(host string, port int, user, database string) string {
	return fmt.Sprintf(`host=%s port=%d user=%s dbname=%s sslmode=disable passfile=/dev/null password='%s'`,
		host, port, user, database, strings.ReplaceAll(password, "'", `\'`))
}

// dial connects as user app until the test ends.
func dial(t testing.TB, port int, database string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(within(t), conninfo("127.0.0.1", port, "app", database))
	if err != nil {
		t.Fatalf("connection: %v", err)
	}
	t.Cleanup(func() { _ = conn.Conn().Close() })
	return conn
}

// exec1 runs a statement and returns the first cell of its answer.
func exec1(t testing.TB, conn *pgconn.PgConn, sql string) string {
	t.Helper()
	out, err := tryExec(within(t), conn, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func tryExec(ctx context.Context, conn *pgconn.PgConn, sql string) (string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

// router is the plugin as a process of its own.
type router struct {
	pluginv1.RouterClient
	conn    *grpc.ClientConn
	base    pluginv1.BaseClient
	process *plugintest.Process
	host    *pluginv1.HostContext
	body    map[string]any
}

// programs is a directory for the plugin, for as long as the tests run.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("/tmp", "pgvbin"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// build builds the plugin, once, and returns its path.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(programs, "pgvigil-plugin-pgbouncer")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// newRouter starts the plugin with a body to which the password is added.
func newRouter(t testing.TB, body map[string]any) *router {
	t.Helper()
	r := &router{host: plugintest.Host(t, "m1"), body: body}
	if _, set := body["password_file"]; !set {
		body["password"] = password
	}
	r.start(t)
	return r
}

func (r *router) start(t testing.TB) {
	t.Helper()
	r.process = &plugintest.Process{Path: build(t)}
	r.use(t, r.process.Start(t))
}

func (r *router) use(t testing.TB, conn *grpc.ClientConn) {
	t.Helper()
	r.conn, r.RouterClient, r.base = conn, pluginv1.NewRouterClient(conn), pluginv1.NewBaseClient(conn)
	plugintest.Configure(t, conn, r.body, r.host)
}

// lead applies a primary.
func (r *router) lead(t testing.TB, epoch uint64, primary *pluginv1.Endpoint) error {
	t.Helper()
	_, err := r.Apply(within(t), leading(epoch, primary))
	return err
}

// leading are routes with a primary.
func leading(epoch uint64, primary *pluginv1.Endpoint) *pluginv1.RouterApplyRequest {
	return &pluginv1.RouterApplyRequest{Epoch: epoch, Primary: primary, OwnRole: pluginv1.OwnRole_OWN_ROLE_STANDBY}
}

func (r *router) health(t testing.TB) (bool, string) {
	t.Helper()
	resp, err := r.base.Health(within(t), &pluginv1.HealthRequest{})
	if err != nil {
		t.Fatalf("health: %v", err)
	}
	return resp.GetHealthy(), resp.GetMessage()
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), plugintest.Patience)
	t.Cleanup(cancel)
	return ctx
}
