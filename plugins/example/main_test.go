// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	"google.golang.org/grpc"
)

// TestConformance runs the suites on the plugin in this process and on its binary.
func TestConformance(t *testing.T) {
	binary := plugintest.Build(t, ".")
	connections := map[string]func(testing.TB) *grpc.ClientConn{
		"in_process": func(t testing.TB) *grpc.ClientConn { return plugintest.InProcess(t, newPlugin()) },
		"binary":     func(t testing.TB) *grpc.ClientConn { return plugintest.Binary(t, binary) },
	}
	for name, connect := range connections {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "routes.json")
			body := map[string]any{"path": path}
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
					Effect: func(t testing.TB) string { return content(t, path) },
					Forget: func(t testing.TB) { remove(t, path) },
				})
			})
		})
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("routes file: %v", err)
	}
	return string(b)
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatalf("routes file: %v", err)
	}
}
