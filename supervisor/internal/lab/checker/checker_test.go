// SPDX-License-Identifier: Apache-2.0

package checker_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/checker"
)

func server(t *testing.T, make func(dir string) (*bare.Server, error)) *bare.Server {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgvigil-checker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := make(filepath.Join(dir, "pg"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.End(syscall.SIGQUIT); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(15 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

func TestCheckerSeesTheSecondPrimaryAndGoesOnThroughHangs(t *testing.T) {
	bins, err := bare.BinDirs()
	if err != nil {
		t.Fatal(err)
	}
	first := server(t, func(dir string) (*bare.Server, error) { return bare.New(bins[0], dir) })
	second := server(t, first.Clone)
	var watch checker.Checker
	watch.Start(checker.Target{Name: "first", Connect: first.Connect}, checker.Target{Name: "second", Connect: second.Connect})
	t.Cleanup(watch.Stop)
	until(t, "both answer", func() bool { return watch.Answered("first") > 0 && watch.Answered("second") > 0 })
	if got := watch.Violations(); len(got) != 0 {
		t.Fatalf("a primary and its standby: %q", got)
	}

	if err := second.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := boottime.Now()
	until(t, "the first answers while the second hangs", func() bool { return watch.Answered("first") > stopped.Add(300*time.Millisecond) })
	if err := second.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}

	conn, err := second.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "select pg_promote()"); err != nil {
		t.Fatal(err)
	}
	until(t, "a violation", func() bool { return len(watch.Violations()) > 0 })
	if got := watch.Violations()[0]; !strings.Contains(got, "two writable primaries") {
		t.Errorf("violation: %q", got)
	}
	if watch.LastWritable("second") < stopped {
		t.Errorf("last writable: %d", watch.LastWritable("second"))
	}
}
