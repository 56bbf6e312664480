// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// built is the directory of the binaries under test.
const builtEnv = "PGVIGIL_TEST_DAEMON_BUILT"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv(builtEnv) != "" { // a process of a test
		return m.Run()
	}
	dir, err := os.MkdirTemp("/tmp", "pgv-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755)
	}
	for _, p := range []string{"supervisor/cmd/pgvigild", "plugins/example"} {
		if err == nil {
			err = build(dir, p)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(builtEnv, dir)
	return m.Run()
}

func build(dir, what string) error {
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, filepath.Base(what)), "github.com/pgvigil/pgvigil/"+what).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build of %s: %w\n%s", what, err, out)
	}
	return nil
}

// built is the path of a binary.
func built(name string) string { return filepath.Join(os.Getenv(builtEnv), name) }

// place is a directory that every user may pass, with room for the paths of sockets.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgv-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// document is a configuration whose directories are in dir; %s of more comes after it.
func document(dir, api, more string) string {
	return fmt.Sprintf(`
run_dir    = "%[1]s/run"
state_dir  = "%[1]s/state"
plugin_dir = "%[1]s/plugins"
cluster "demo" { member = "a" }
api { listen = "%[2]s" }
dcs "etcd" { endpoints = ["http://127.0.0.1:1"] }
postgres {
  listen   = "127.0.0.1:1"
  connect  = "127.0.0.1:1"
  data_dir = "%[1]s/data"
}
%[3]s`, dir, api, more)
}

// write puts a file into a directory and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	c, diags := config.Load(path)
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return c
}

// journal is a log that tests can search.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) has(s string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), s)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}
