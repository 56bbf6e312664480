// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const examples = "../../../contrib/examples/"

// configFile writes a configuration of one host whose interface is at connect.
func configFile(t *testing.T, connect string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pgvigil.hcl")
	text := `
cluster "demo" {
  member = "mdw"
}
api {
  listen  = "` + connect + `"
  connect = "` + connect + `"
  auth {
    username = "admin"
    password = "hunter2"
  }
}
dcs "etcd" {
  endpoints = ["http://127.0.0.1:2379"]
}
postgres {
  connect  = "127.0.0.1:5432"
  data_dir = "/var/lib/pgvigil/data"
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConfigValidate(t *testing.T) {
	got := shell{}.run(t, "config", "validate", "--no-plugins", examples+"three-hosts/mdw.hcl")
	if got.code != cli.ExitOK || got.out != "" || got.err != "The configuration can be used.\n" {
		t.Errorf("got %d %q %q", got.code, got.out, got.err)
	}
	bad := filepath.Join(t.TempDir(), "bad.hcl")
	if err := os.WriteFile(bad, []byte("cluster \"demo\" {\n  memer = \"mdw\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, says := range map[string]string{
		"text": "^^^^^",
		"line": bad + ":2:3: error:",
		"json": `"valid": false`,
	} {
		got := shell{env: map[string]string{"PGVIGIL_CONFIG": bad}}.run(t, "config", "validate", "-o", format)
		if got.code != cli.ExitUsage || !strings.Contains(got.out, says) || !strings.Contains(got.out, "member") {
			t.Errorf("%s: got %d %q", format, got.code, got.out)
		}
	}
}

// TestConfigValidateWithoutPluginBinary names the file that it would have started.
func TestConfigValidateWithoutPluginBinary(t *testing.T) {
	text, err := os.ReadFile(examples + "three-hosts/mdw.hcl")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mdw.hcl") // those that this host has installed do not count
	if err := os.WriteFile(file, fmt.Appendf(text, "plugin_dir = %q\n", t.TempDir()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := shell{}.run(t, "config", "validate", "-o", "line", file)
	if got.code != cli.ExitUsage || !strings.Contains(got.out, "plugin cannot be asked") || !strings.Contains(got.out, "pgvigil-plugin-etcd") {
		t.Errorf("got %d %q", got.code, got.out)
	}
}

func TestConfigShowHidesSecrets(t *testing.T) {
	got := shell{}.run(t, "config", "show", "-o", "json", configFile(t, "127.0.0.1:8008"))
	var shown struct {
		Cluster string
		API     struct{ Username string }
	}
	if err := json.Unmarshal([]byte(got.out), &shown); err != nil || got.code != cli.ExitOK {
		t.Fatalf("%d %v: %s", got.code, err, got.err)
	}
	if shown.Cluster != "demo" || shown.API.Username != "admin" || strings.Contains(got.out, "hunter2") {
		t.Errorf("got %s", got.out)
	}
}

// TestConfiguredEndpoint finds address and password of the interface in the configuration.
func TestConfiguredEndpoint(t *testing.T) {
	s := tell(apitest.Primary())
	server := api.New(api.Config{
		Source: s, Operator: apitest.Operator(s.submit), Now: func() core.Instant { return apitest.Now },
		Auth: api.Auth{Username: "admin", Password: func() (string, error) { return "hunter2", nil }},
	})
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = server.Serve(socket)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(context.WithoutCancel(t.Context()))
	file := configFile(t, server.Addr().String())
	if got := (shell{}).run(t, "pause", "--config", file); got.code != cli.ExitOK || len(s.requests()) != 1 || s.requests()[0].By != "admin@127.0.0.1" {
		t.Errorf("got %d %q, took %v", got.code, got.err, s.requests())
	}
	anonymous := shell{env: map[string]string{"PGVIGIL_ENDPOINT": server.Addr().String()}}
	if got := anonymous.run(t, "pause"); got.code != cli.ExitPermission || !strings.Contains(got.err, "password") {
		t.Errorf("got %d %q", got.code, got.err)
	}
	anonymous.env["PGVIGIL_USERNAME"], anonymous.env["PGVIGIL_PASSWORD"] = "admin", "hunter2"
	if got := anonymous.run(t, "pause"); got.code != cli.ExitOK {
		t.Errorf("got %d %q", got.code, got.err)
	}
}

func TestConfiguredEndpointDown(t *testing.T) {
	closed := closedPort(t)
	file := configFile(t, closed)
	got := shell{}.run(t, "list", "-c", file)
	if got.code != cli.ExitError || !strings.Contains(got.err, closed+" refuses connections (api.connect in "+file+")") {
		t.Errorf("got %d %q", got.code, got.err)
	}
}

func TestDCSServe(t *testing.T) {
	var served *config.Embedded
	var out, said bytes.Buffer
	app := &cli.App{
		In: strings.NewReader(""), Out: &out, Err: &said, Getenv: func(string) string { return "" },
		ServeDCS: func(_ context.Context, e *config.Embedded, log *slog.Logger) error {
			served = e
			log.Info("serving")
			return nil
		},
	}
	code := app.Run(t.Context(), []string{"dcs", "serve", "-c", examples + "embedded-dcs/mdw.hcl"})
	if code != cli.ExitOK || served == nil || served.Name != "mdw" || len(served.Members) != 3 || !strings.Contains(said.String(), "serving") {
		t.Errorf("exit %d, served %+v, said %s", code, served, said.String())
	}
	if code := app.Run(t.Context(), []string{"dcs", "serve", "-c", examples + "three-hosts/mdw.hcl"}); code != cli.ExitUsage || !strings.Contains(said.String(), "no embedded block") {
		t.Errorf("exit %d, said %s", code, said.String())
	}
}
