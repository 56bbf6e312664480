// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// server starts a PostgreSQL server that ends with the test.
func server(t *testing.T, make func(dir string) (*bare.Server, error)) *bare.Server {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgvigil-ledger-")
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

func primary(t *testing.T) *bare.Server {
	t.Helper()
	bins, err := bare.BinDirs()
	if err != nil {
		t.Fatal(err)
	}
	s := server(t, func(dir string) (*bare.Server, error) { return bare.New(bins[0], dir) })
	execute(t, s, "create schema lab")
	return s
}

func execute(t *testing.T, s *bare.Server, statement string) {
	t.Helper()
	if _, err := connect(t, s).Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func connect(t *testing.T, s *bare.Server) *pgx.Conn {
	t.Helper()
	conn, err := s.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func write(t *testing.T, s *bare.Server, book *ledger.Ledger) *ledger.Writer {
	t.Helper()
	config, err := pgx.ParseConfig(s.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	w := &ledger.Writer{Config: config, Ledger: book}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// more waits until n more writes are acknowledged.
func more(t *testing.T, book *ledger.Ledger, n int) {
	t.Helper()
	want := book.Totals().Acknowledged + n
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for book.Totals().Acknowledged < want {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%+v after 20 s, want %d acknowledged", book.Totals(), want)
		}
	}
}

func verify(t *testing.T, s *bare.Server, book *ledger.Ledger) ledger.Report {
	t.Helper()
	report, err := book.Verify(t.Context(), connect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestWriterGoesOnAfterACrashAndNothingIsMissing(t *testing.T) {
	pg := primary(t)
	var file bytes.Buffer
	book := ledger.New(2, &file)
	w := write(t, pg, book)
	more(t, book, 50)
	mark := boottime.Now()
	if err := pg.End(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	down := boottime.Now()
	if err := pg.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	up := boottime.Now()
	more(t, book, 50)
	if gap := book.Gap(mark); gap < up.Sub(down)/2 || gap > boottime.Now().Sub(mark)+time.Second {
		t.Errorf("gap %s, down for %s", gap, up.Sub(down))
	}
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	report := verify(t, pg, book)
	if report.Lost() > 0 || len(report.Phantom) > 0 || report.Acknowledged < 100 {
		t.Errorf("report: %s", report)
	}
	if lines := strings.Count(file.String(), "\n"); lines != report.Acknowledged+report.Unknown+report.Failed {
		t.Errorf("file has %d lines; report: %s", lines, report)
	}
}

func TestVerifyFindsWhatIsGoneAndWhatWasNeverSent(t *testing.T) {
	pg := primary(t)
	book := ledger.New(1, nil)
	w := write(t, pg, book)
	more(t, book, 20)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	execute(t, pg, "delete from lab.ledger where seq in (3, 5); insert into lab.ledger values (7, 7)")
	report := verify(t, pg, book)
	if len(report.Missing) != 2 || report.Missing[0].Seq != 3 || report.Missing[1].Seq != 5 {
		t.Errorf("missing: %v", report.Missing)
	}
	if len(report.Phantom) != 1 || report.Phantom[0] != "7/7" {
		t.Errorf("phantom: %v", report.Phantom)
	}
}

func TestWritesOfAnAbandonedTimelineAreDiscardedNotMissing(t *testing.T) {
	pg := primary(t)
	book := ledger.New(1, nil)
	w := write(t, pg, book)
	more(t, book, 20)
	standby := server(t, pg.Clone)
	position, err := ledger.Position(t.Context(), connect(t, pg))
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.AwaitReplay(t.Context(), connect(t, standby), position); err != nil {
		t.Fatal(err)
	}
	execute(t, standby, "select pg_promote()")
	mark := boottime.Now()
	more(t, book, 20)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	after := book.AckedAfter(mark)
	report := verify(t, standby, book)
	if len(report.Missing) > 0 || len(report.Discarded) < after {
		t.Errorf("%d acknowledged after the promotion of another; report: %s", after, report)
	}
	old, err := ledger.ReadDigest(t.Context(), connect(t, pg))
	if err != nil {
		t.Fatal(err)
	}
	survivor, err := ledger.ReadDigest(t.Context(), connect(t, standby))
	if err != nil {
		t.Fatal(err)
	}
	if old == survivor || old.Rows == survivor.Rows {
		t.Errorf("digests of diverged servers: %+v and %+v", old, survivor)
	}
}
