// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// complains checks that Health tells what is wrong, and that Apply and Pause answer with a code, at once.
func (r *router) complains(t *testing.T, want string, code codes.Code) {
	t.Helper()
	if healthy, message := r.health(t); healthy || !strings.Contains(message, want) {
		t.Errorf("health: %v, %q, want unhealthy and %q", healthy, message, want)
	}
	err := r.lead(t, 1, &pluginv1.Endpoint{Name: "a", Host: "127.0.0.1", Port: 1})
	if status.Code(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("apply: got %v, want %s with %q", err, code, want)
	}
	err = r.pause(t, 1, plugintest.Patience, plugintest.Patience)
	if status.Code(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("pause: got %v, want %s with %q", err, code, want)
	}
}

// heals checks that all is well again without a word to the plugin.
func (r *router) heals(t *testing.T) {
	t.Helper()
	if err := r.lead(t, 1, &pluginv1.Endpoint{Name: "a", Host: "127.0.0.1", Port: 2}); err != nil {
		t.Errorf("apply: %v", err)
	}
	if healthy, message := r.health(t); !healthy {
		t.Errorf("health: %s", message)
	}
	r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
	r.mustResume(t, 1)
}

func TestBadInputHeals(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		file := emptyFile(t)
		good := map[string]any{"path": file, "entries": map[string]string{"app": ""}}
		b := newBouncer(t, program, file)
		tcp := "host=127.0.0.1 port=" + strconv.Itoa(b.port) + " user="
		secret := filepath.Join(plugintest.Dir(t), "password")

		t.Run("wrong password", func(t *testing.T) {
			write(t, secret, "wrong\n")
			r := newRouter(t, map[string]any{
				"consoles": []string{b.console("pgvigil")}, "password_file": secret, "databases_file": good,
			})
			r.complains(t, `user "pgvigil" is not let in: user and password_file must agree`, codes.FailedPrecondition)
			write(t, secret, password+"\n")
			r.heals(t)
		})
		t.Run("no password file", func(t *testing.T) {
			if err := os.Remove(secret); err != nil {
				t.Fatal(err)
			}
			r := newRouter(t, map[string]any{
				"consoles": []string{b.console("pgvigil")}, "password_file": secret, "databases_file": good,
			})
			r.complains(t, "password_file: open "+secret+": no such file or directory", codes.Unavailable)
			write(t, secret, password+"\n")
			r.heals(t)
		})
		t.Run("over TCP, unknown user", func(t *testing.T) {
			r := newRouter(t, map[string]any{"consoles": []string{tcp + "nobody"}, "databases_file": good})
			r.complains(t, `user "nobody" is not let in`, codes.FailedPrecondition)
		})
		t.Run("over TCP", func(t *testing.T) {
			r := newRouter(t, map[string]any{"consoles": []string{tcp + "pgvigil"}, "databases_file": good})
			r.heals(t)
		})
		t.Run("may only look", func(t *testing.T) {
			r := newRouter(t, map[string]any{"consoles": []string{b.console("viewer")}, "databases_file": good})
			r.complains(t, `user "viewer" may only look: PgBouncer needs it in admin_users`, codes.FailedPrecondition)
			b.configure(t, file, "admin_users = pgvigil, viewer")
			b.show(t, "RELOAD")
			r.heals(t)
		})
		t.Run("may not use the console", func(t *testing.T) {
			r := newRouter(t, map[string]any{"consoles": []string{b.console("app")}, "databases_file": good})
			r.complains(t, `user "app" may not use the console: PgBouncer needs it in admin_users`, codes.FailedPrecondition)
			b.configure(t, file, "admin_users = pgvigil, app")
			b.show(t, "RELOAD")
			r.heals(t)
		})
		t.Run("not running", func(t *testing.T) {
			r := newRouter(t, map[string]any{"consoles": []string{b.console("pgvigil")}, "databases_file": good})
			r.heals(t)
			b.server.stop(t, syscall.SIGKILL)
			r.complains(t, "nothing listens there: PgBouncer must run, with this unix_socket_dir or listen_addr", codes.Unavailable)
			b.start(t)
			r.heals(t)
		})
	})
}

// TestFileNotIncluded: the plugin says which line is missing, and does not take the file for what is in force.
func TestFileNotIncluded(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		file := emptyFile(t)
		b := newBouncer(t, program, "")
		r := newRouter(t, map[string]any{"consoles": []string{b.console("pgvigil")}, "databases_file": databases(file)})
		want := `pgbouncer.ini needs the line "%include ` + file + `"`
		err := r.lead(t, 1, &pluginv1.Endpoint{Name: "a", Host: "::1", Port: 5432})
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), want) {
			t.Errorf("apply: got %v, want FAILED_PRECONDITION with %q", err, want)
		}
		if healthy, message := r.health(t); healthy || !strings.Contains(message, want) {
			t.Errorf("health: %v, %q, want unhealthy and %q", healthy, message, want)
		}
		b.configure(t, file)
		r.heals(t)
	})
}

// TestSessionMode: sessions that hold a connection are told, and do not matter where they are not to be paused.
func TestSessionMode(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program, "pool_mode = session")
		if healthy, message := p.r.health(t); !healthy {
			t.Errorf("health without sessions: %s", message)
		}
		session := dial(t, p.b.port, "app")
		exec1(t, session, "SELECT 1")
		want := `database "app", user "app": 1 in use in pool_mode session: a pause would have to wait until they end: ` +
			`set pool_mode = transaction`
		if healthy, message := p.r.health(t); healthy || !strings.Contains(message, want) {
			t.Errorf("health with a session: %v, %q, want unhealthy and %q", healthy, message, want)
		}
		p.r.body["databases"] = []string{"app-reports.1"}
		p.restart(t)
		if healthy, message := p.r.health(t); !healthy {
			t.Errorf("health with a session that is not to be paused: %s", message)
		}
		p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		exec1(t, session, "SELECT 1")
		p.r.mustResume(t, 1)
	})
}

// TestExamine: what doctor is told before there are routes, and that nothing is changed.
func TestExamine(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		file, secret := emptyFile(t), filepath.Join(plugintest.Dir(t), "password")
		write(t, secret, password+"\n")
		b := newBouncer(t, program, "")
		body := map[string]any{"consoles": []string{b.console("pgvigil")}, "password_file": secret, "databases_file": databases(file)}
		examine := func(want string) {
			t.Helper()
			conn := plugintest.Binary(t, build(t))
			plugintest.Examine(t, conn, body)
			resp, err := pluginv1.NewBaseClient(conn).Health(within(t), &pluginv1.HealthRequest{})
			if err != nil || resp.GetHealthy() != (want == "") || !strings.Contains(resp.GetMessage(), want) {
				t.Errorf("health: %v, %v, want %q", resp, err, want)
			}
		}
		examine(`pgbouncer.ini does not include the databases_file: it needs the line "%include ` + file + `"`)
		b.write(t, "more.ini", "%include "+file+"\n")
		b.configure(t, filepath.Join(b.dir, "more.ini")) // one in the other
		examine("")
		write(t, secret, "wrong\n")
		examine(`user "pgvigil" is not let in`)
		write(t, secret, password+"\n")
		body["consoles"] = []string{b.console("viewer")}
		examine("PgBouncer needs it in admin_users")
		if content, err := os.ReadFile(file); err != nil || len(content) > 0 {
			t.Errorf("databases_file: %q, %v", content, err)
		}
	})
}

// TestOneOfTwoDoesNotRun: the other is led and paused all the same.
func TestOneOfTwoDoesNotRun(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		pg, file := newPostgres(t), emptyFile(t)
		alive, dead := newBouncer(t, program, file), newBouncer(t, program, file)
		dead.server.stop(t, syscall.SIGKILL)
		r := newRouter(t, map[string]any{
			"consoles": []string{dead.console("pgvigil"), alive.console("pgvigil")}, "databases_file": databases(file),
		})
		for name, err := range map[string]error{
			"apply": r.lead(t, 1, pg.endpoint("a")), "again": r.lead(t, 1, pg.endpoint("a")),
		} {
			text := fmt.Sprint(err)
			named := strings.Contains(text, dead.dir) && !strings.Contains(text, alive.dir)
			if status.Code(err) != codes.Unavailable || !named {
				t.Errorf("%s: got %v, want UNAVAILABLE that names the dead one only", name, err)
			}
		}
		if healthy, message := r.health(t); healthy || !strings.Contains(message, dead.dir) {
			t.Errorf("health: %v, %s", healthy, message)
		}
		exec1(t, dial(t, alive.port, "app"), "SELECT 1")
		r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		q := alive.ask(t)
		r.mustResume(t, 1)
		q.answer(t)

		dead.start(t)
		exec1(t, dial(t, dead.port, "app"), "SELECT 1")
		if err := r.lead(t, 1, pg.endpoint("a")); err != nil {
			t.Errorf("apply with both: %v", err)
		}
		if healthy, message := r.health(t); !healthy {
			t.Errorf("health with both: %s", message)
		}
	})
}

// TestStableAddress: without a file, connections that were made for another primary are replaced, and no others.
func TestStableAddress(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		pg := newPostgres(t)
		b := newBouncer(t, program, "", "[databases]", "app = host=127.0.0.1 port="+strconv.Itoa(pg.port))
		r := newRouter(t, map[string]any{"consoles": []string{b.console("pgvigil")}})
		client := dial(t, b.port, "app")
		backend := func(epoch uint64, name string) string {
			t.Helper()
			if err := r.lead(t, epoch, pg.endpoint(name)); err != nil {
				t.Fatal(err)
			}
			return exec1(t, client, "SELECT pg_backend_pid()")
		}
		first := backend(1, "a")
		if again := backend(1, "a"); again != first {
			t.Errorf("the same primary again: backend %s after %s", again, first)
		}
		if none := r.lead(t, 1, nil); none != nil {
			t.Error(none)
		}
		if again := backend(1, "a"); again != first {
			t.Errorf("after a time without a primary: backend %s after %s", again, first)
		}
		if next := backend(2, "b"); next == first {
			t.Errorf("another primary: still backend %s", next)
		}
	})
}
