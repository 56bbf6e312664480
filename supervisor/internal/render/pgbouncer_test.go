// SPDX-License-Identifier: Apache-2.0

package render

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
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// PgBouncer starts with it, lets pgvigil's user into its console, and has understood what matters.
func TestPgBouncer(t *testing.T) {
	for name, model := range pgbouncers {
		t.Run(name, func(t *testing.T) {
			b := newBouncer(t, name, model)
			b.start(t)
			conn := b.connect(t)
			got := show(t, conn)
			for setting, want := range map[string]string{
				"pool_mode": "transaction", "admin_users": model.Admin, "server_login_retry": "1", "tcp_user_timeout": "15000",
				"ignore_startup_parameters": "extra_float_digits",
			} {
				if got[setting] != want {
					t.Errorf("%s: %q, want %q", setting, got[setting], want)
				}
			}
		})
	}
}

// bouncer is a PgBouncer with all its files in a directory of its own.
type bouncer struct {
	PgBouncer
	ini   string
	user  *syscall.Credential
	ended chan error
}

// newBouncer writes the files. PgBouncer does not run as root: they belong to user postgres then.
func newBouncer(t *testing.T, name string, model PgBouncer) *bouncer {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bouncer{PgBouncer: model, ini: filepath.Join(dir, name), ended: make(chan error, 1)}
	b.SocketDir, b.Port = dir, freePort(t)
	users, databases := filepath.Join(dir, "userlist.txt"), filepath.Join(dir, "databases.ini")
	for file, text := range map[string]string{
		b.ini:     strings.NewReplacer("/etc/pgbouncer/userlist.txt", users, "/var/lib/pgbouncer/databases.ini", databases).Replace(b.String()),
		users:     fmt.Sprintf("%q \"secret\"\n", b.Admin),
		databases: "[databases]\napp = host=10.0.0.1 port=5432\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		b.user = account(t, "postgres")
		if err := os.Chown(dir, int(b.user.Uid), int(b.user.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func account(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// start runs it until the test ends. It must have no complaint about its configuration.
func (b *bouncer) start(t *testing.T) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(program("pgbouncer"), b.ini)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &log, &log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: b.user, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { b.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		if err := <-b.ended; err == nil {
			t.Error("PgBouncer ended by itself")
		}
		if t.Failed() || strings.Contains(log.String(), "ERROR") || strings.Contains(log.String(), "WARNING") {
			t.Errorf("PgBouncer said:\n%s", log.String())
		}
	})
}

// connect waits until its console takes pgvigil's user.
func (b *bouncer) connect(t *testing.T) *pgconn.PgConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	console := fmt.Sprintf("host=%s port=%d user=%s password=secret dbname=pgbouncer sslmode=disable", b.SocketDir, b.Port, b.Admin)
	defer tick.Stop()
	for {
		conn, err := pgconn.Connect(ctx, console)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
			return conn
		}
		select {
		case ended := <-b.ended:
			b.ended <- ended
			t.Fatalf("PgBouncer ended: %v", ended)
		case <-ctx.Done():
			t.Fatalf("console: %v", err)
		case <-tick.C:
		}
	}
}

// show is the configuration as the console shows it.
func show(t *testing.T, conn *pgconn.PgConn) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	results, err := conn.Exec(ctx, "SHOW CONFIG").ReadAll()
	if err != nil || len(results) != 1 {
		t.Fatalf("SHOW CONFIG: %v", err)
	}
	settings := map[string]string{}
	for _, row := range results[0].Rows {
		settings[string(row[0])] = string(row[1])
	}
	return settings
}
