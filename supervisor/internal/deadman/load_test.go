// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

// load is a set of sessions that insert row after row until the server goes away, and one that computes without ever
// waiting for anything, which is how a backend fails to notice that its postmaster is dead.
type load struct {
	wg    sync.WaitGroup
	acks  atomic.Int64
	asked atomic.Int64 // when the latest statement that was acknowledged had been sent
	busy  deadman.Process
}

func (s *server) load(t *testing.T, writers int) *load {
	t.Helper()
	l := &load{}
	query(t, s.connect(t), "create table if not exists ledger (n int)")
	for range writers {
		conn := s.connect(t)
		l.wg.Go(func() { l.write(conn) })
	}
	conn := s.connect(t)
	pid, err := strconv.Atoi(query(t, conn, "select pg_backend_pid()"))
	must(t, err)
	l.busy, err = deadman.FindProcess(pid)
	must(t, err)
	l.wg.Go(func() {
		_, _ = conn.Exec(context.Background(), "do $$ begin loop end loop; end $$").ReadAll()
	})
	eventually(t, "every session works", func() bool { return l.acks.Load() > int64(writers) && stateOf(t, l.busy) == "R" })
	t.Cleanup(func() {
		must(t, s.client.Fence(limited(t))) // else the busy session would never end
		l.wg.Wait()
	})
	return l
}

func (l *load) write(conn *pgconn.PgConn) {
	for {
		asked := deadman.BootNow()
		if _, err := conn.Exec(context.Background(), "insert into ledger values (1)").ReadAll(); err != nil {
			return
		}
		l.acks.Add(1)
		for seen := l.asked.Load(); seen < asked && !l.asked.CompareAndSwap(seen, asked); seen = l.asked.Load() {
		}
	}
}

// lastAsked waits for all sessions to end and returns when the latest acknowledged statement had been sent.
func (l *load) lastAsked() int64 {
	l.wg.Wait()
	return l.asked.Load()
}

// query returns the first column of the first row.
func query(t *testing.T, conn *pgconn.PgConn, sql string) string {
	t.Helper()
	results, err := conn.Exec(limited(t), sql).ReadAll()
	must(t, err)
	var out []string
	for _, r := range results {
		for _, row := range r.Rows {
			out = append(out, string(row[0]))
		}
	}
	return strings.Join(out, "\n")
}
