// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// record collects the log of a host.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *record) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// shortDir is a directory whose path leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ph-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fakeSpec is the fake plugin in a mode. The binary is a copy, whose mode and directory are certain.
func fakeSpec(t *testing.T, mode string) Spec {
	t.Helper()
	dir := shortDir(t)
	command := filepath.Join(dir, "pgvigil-plugin-fake")
	copyFile(t, command, "/proc/self/exe")
	return Spec{
		Kind: KindDCS, Name: "fake", Command: command, Env: []string{pluginEnv + "=" + mode},
		RunDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"),
		Context: Context{Member: "a", Cluster: "demo", Launcher: "/bin/true", TTL: func() core.Span { return 3 * core.Second }},
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// openHost runs the plugin, configured with body "{}".
func openHost(t *testing.T, spec Spec) (*Host, *record) {
	t.Helper()
	log := &record{}
	h := New(log.logger(), spec)
	if err := h.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := h.Plugin(spec.Name).Configure(t.Context(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	return h, log
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// gone tells whether no process of the number runs; a zombie does not.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// readWithin reads with a deadline.
func readWithin(t *testing.T, h *Host, prefix string, d time.Duration) (RawView, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return h.DCS().Read(ctx, prefix)
}
