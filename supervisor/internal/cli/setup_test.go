// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
)

// plugins builds the plugins, as setup has them judge its blocks.
func plugins(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etcd", "postgres", "haproxy", "keepalived", "pgbouncer"} {
		file := filepath.Join(dir, "pgvigil-plugin-"+name)
		c := exec.Command("go", "build", "-trimpath", "-o", file, "github.com/pgvigil/pgvigil/plugins/"+name)
		c.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does it
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

// postgresBin has programs that say they are PostgreSQL's.
func postgresBin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_controldata"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 17.6'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// place is a directory for a configuration, with plugins from elsewhere.
func place(t *testing.T, plugins string) string {
	t.Helper()
	dir := t.TempDir()
	dropIn(t, dir, "plugins", fmt.Sprintf("plugin_dir = %q\n", plugins))
	return dir
}

func dropIn(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "conf.d", name+".hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func setupArgs(t *testing.T, dir string, more ...string) []string {
	return append([]string{
		"setup", "-c", dir, "--cluster", "demo", "--members", "mdw=127.0.0.1,standby=10.0.0.2,standby1=10.0.0.3",
		"--pg-bin", postgresBin(t), "--data-dir", "/var/lib/pgsql/17/data", "--clients", "10.0.0.0/24",
	}, more...)
}

// left is what a directory holds beside conf.d.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "conf.d" {
			names = append(names, e.Name())
		}
	}
	return names
}

// Ensure what setup writes is taken by every plugin, as pgvigil config validate asks them.
func TestSetup(t *testing.T) {
	built := plugins(t)
	for name, more := range map[string][]string{
		"etcd":     {"--etcd", "http://10.0.0.1:2379,http://10.0.0.2:2379,http://10.0.0.3:2379"},
		"embedded": {"--etcd", "embedded", "--durability", "async", "--api-user", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := place(t, built)
			got := shell{}.run(t, setupArgs(t, dir, append(more, "--yes", "--secrets", "new", "-o", "json")...)...)
			var said struct {
				Files []struct{ Path, Mode string }
				Next  []struct{ What string }
			}
			if err := json.Unmarshal([]byte(got.out), &said); err != nil || got.code != cli.ExitOK || len(said.Next) < 3 {
				t.Fatalf("exit %d, %v, said %s%s", got.code, err, got.out, got.err)
			}
			for _, f := range said.Files {
				if info, err := os.Stat(f.Path); err != nil || fmt.Sprintf("%04o", info.Mode()) != f.Mode {
					t.Errorf("%s: %v, %v", f.Path, info, err)
				}
			}
			if len(said.Files) != len(left(t, dir)) {
				t.Errorf("%+v, there are %v", said.Files, left(t, dir))
			}
			if got := (shell{}).run(t, "config", "validate", dir); got.code != cli.ExitOK {
				t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
			}
		})
	}
	t.Run("routers", func(t *testing.T) {
		dir := place(t, built)
		got := shell{}.run(t, setupArgs(t, dir, "--dry-run", "--etcd", "embedded",
			"--routers", "haproxy,keepalived,pgbouncer", "--vip", "10.0.0.100")...)
		if got.code != cli.ExitOK || strings.Count(got.out, "\nrouter ") != 3 || strings.Contains(got.err, os.TempDir()+"/.setup") {
			t.Errorf("exit %d, %s%s", got.code, got.out, got.err)
		}
		if names := left(t, dir); len(names) > 0 {
			t.Errorf("written: %v", names)
		}
	})
	t.Run("refused by a plugin", func(t *testing.T) {
		dir := place(t, built)
		got := shell{}.run(t, setupArgs(t, dir, "--yes", "--etcd", "embedded", "--secrets", "new", "--data-dir", "/")...)
		if got.code != cli.ExitUsage || !strings.Contains(got.err, "at "+dir+"/pgvigil.hcl:") ||
			!strings.Contains(got.err, "nothing was written") {
			t.Errorf("exit %d, %s", got.code, got.err)
		}
		if names := left(t, dir); len(names) > 0 {
			t.Errorf("written: %v", names)
		}
	})
}

// Ensure setup refuses before it asks or writes anything.
func TestSetupRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		before func(t *testing.T, dir string)
		args   []string
		code   int
		want   string
	}{
		"nobody to ask": {nil, nil, cli.ExitUsage, "give --yes, or --dry-run"},
		"flags missing": {nil, []string{"--yes"}, cli.ExitUsage, "\n  --etcd: "},
		"file there": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "pgvigil.hcl"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"--yes"}, cli.ExitRefused, "/pgvigil.hcl exists and stays: --force replaces it"},
		"no directory": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"--yes", "-c", "DIR/file/etc"}, cli.ExitPermission, "/file/etc: not a directory"},
		"a file named": {nil, []string{"--yes", "-c", "DIR/x.hcl"}, cli.ExitUsage, "setup takes the directory"},
		"at odds with conf.d": {func(t *testing.T, dir string) { dropIn(t, dir, "api", "api {}\n") },
			[]string{"--yes", "--no-plugins", "--etcd", "embedded", "--secrets", "new"}, cli.ExitUsage, "nothing was written"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.before != nil {
				c.before(t, dir)
			}
			before := left(t, dir)
			args := setupArgs(t, dir, c.args...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "DIR", dir)
			}
			got := shell{}.run(t, args...)
			if got.code != c.code || !strings.Contains(got.err, c.want) {
				t.Errorf("exit %d, %s", got.code, got.err)
			}
			if after := left(t, dir); len(after) != len(before) {
				t.Errorf("written: %v", after)
			}
		})
	}
}

// Ensure a person who declines has nothing written, and one who agrees everything.
func TestSetupAsks(t *testing.T) {
	for answer, want := range map[string]int{"no": 0, "": 0, "yes": 4} {
		dir := t.TempDir()
		s := shell{inTerminal: true, in: "\n\nembedded\nnone\nnew\n" + answer + "\n"}
		got := s.run(t, setupArgs(t, dir, "--no-plugins", "--durability", "quorum", "--routers", "none")...)
		if names := left(t, dir); len(names) != want || (got.code == cli.ExitOK) != (want > 0) {
			t.Errorf("%q: exit %d, %v, %s%s", answer, got.code, names, got.out, got.err)
		}
	}
}
