// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	"google.golang.org/grpc"
)

// TestConformance runs the suites on the plugin in this process and on its binary, with a PgBouncer behind it.
func TestConformance(t *testing.T) {
	connections := map[string]func(testing.TB) *grpc.ClientConn{
		"in_process": func(t testing.TB) *grpc.ClientConn { return plugintest.InProcess(t, plugin()) },
		"binary":     func(t testing.TB) *grpc.ClientConn { return plugintest.Binary(t, build(t)) },
	}
	eachVersion(t, func(t *testing.T, program string) {
		for name, connect := range connections {
			t.Run(name, func(t *testing.T) { conformance(t, program, connect) })
		}
	})
}

func conformance(t *testing.T, program string, connect func(testing.TB) *grpc.ClientConn) {
	file := emptyFile(t)
	b := newBouncer(t, program, file)
	body := map[string]any{
		"consoles": []string{b.console("pgvigil")}, "password": password, "databases_file": databases(file),
		"databases": []string{"app"}, // a pause of all is shown nowhere
	}
	host := plugintest.Host(t, "m1")
	t.Run("base", func(t *testing.T) {
		plugintest.Base(t, plugintest.Subject{Connect: connect, Body: body, Host: host})
	})
	t.Run("router", func(t *testing.T) {
		plugintest.Router(t, plugintest.RouterEnv{
			Connect: func(t testing.TB) *grpc.ClientConn {
				conn := connect(t)
				plugintest.Configure(t, conn, body, host)
				return conn
			},
			Examine: func(t testing.TB) *grpc.ClientConn {
				conn := connect(t)
				plugintest.Examine(t, conn, body)
				return conn
			},
			Effect: func(t testing.TB) string { return effect(t, b) },
			Forget: func(t testing.TB) {
				write(t, file, "[databases]\n")
				b.show(t, "RELOAD")
				if got := effect(t, b); got != "" {
					t.Fatalf("nothing was forgotten: %s", got)
				}
			},
		})
	})
}

// effect is where the databases lead, and whether they are paused.
func effect(t testing.TB, b *bouncer) string {
	t.Helper()
	var out []string
	for _, row := range b.show(t, "SHOW DATABASES") {
		if row["name"] != "pgbouncer" {
			out = append(out, fmt.Sprintf("%s %s:%s paused %s", row["name"], row["host"], row["port"], row["paused"]))
		}
	}
	return strings.Join(out, "\n")
}

// emptyFile is a databases file as an operator makes it before PgBouncer is first started.
func emptyFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(plugintest.Dir(t), "databases.ini")
	write(t, path, "")
	return path
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// databases is a databases_file block with the database app, and others.
func databases(path string) map[string]any {
	return map[string]any{"path": path, "entries": map[string]string{"app": "", "app-reports.1": "dbname=app pool_size=2", "*": ""}}
}
