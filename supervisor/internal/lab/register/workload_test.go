// SPDX-License-Identifier: Apache-2.0

package register

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
)

// server is a primary with the table, whose commits wait for a standby that there is none of.
func server(t *testing.T) (*bare.Server, *pgx.Conn) {
	t.Helper()
	bins, err := bare.BinDirs()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "pgvigil-register-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := bare.New(bins[0], filepath.Join(dir, "pg"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.End(syscall.SIGQUIT) })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, s)
	for _, statement := range []string{
		"create schema lab", "create table " + Table + " (key bigint primary key, value bigint not null)",
		"insert into " + Table + " values (1, 0)",
		"alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return s, conn
}

func connect(t *testing.T, s *bare.Server) *pgx.Conn {
	t.Helper()
	conn, err := s.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hangUp(conn) })
	return conn
}

// await asks until the answer is true.
func await(t *testing.T, conn *pgx.Conn, question string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for {
		var yes bool
		if err := conn.QueryRow(ctx, question).Scan(&yes); err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		if yes {
			return
		}
		rest(ctx, 5*time.Millisecond)
	}
}

func TestCommitThatTheServersEndCutShortStaysOpen(t *testing.T) {
	s, conn := server(t)
	await(t, conn, "select current_setting('synchronous_standby_names') = 'nobody'")
	w := &Workload{Timeout: 30 * time.Second}
	client, good := connect(t, s), make(chan bool)
	go func() { good <- w.once(t.Context(), client, Operation{Key: 1, Kind: Write, New: 7}) }()
	await(t, conn, "select exists (select from pg_stat_activity where wait_event = 'SyncRep')")
	if err := s.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if <-good {
		t.Error("the connection is said to be good")
	}
	if all, open := w.History.Size(); all != 1 || open != 1 {
		t.Errorf("%d operations, %d of them open; want 1 and 1", all, open)
	}
}

func TestReadWithoutAnAnswerIsNotEntered(t *testing.T) {
	s, conn := server(t)
	await(t, conn, "select current_setting('synchronous_standby_names') = 'nobody'")
	w := &Workload{Timeout: 200 * time.Millisecond}
	if w.once(t.Context(), connect(t, s), Operation{Key: 1, Kind: Read}) {
		t.Error("a read whose commit hangs was answered")
	}
	if all, _ := w.History.Size(); all != 0 {
		t.Errorf("%d operations, want none", all)
	}
}
