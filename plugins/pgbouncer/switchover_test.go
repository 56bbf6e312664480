// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// writers write through a PgBouncer, each on its own connection, one row after the other.
type writers struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	acked  atomic.Int64

	mu     sync.Mutex
	last   time.Time
	gap    time.Duration
	per    map[int]int
	failed []error
}

// startWriters connects so many clients before it returns.
func startWriters(t testing.TB, clients, port int) *writers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writers{cancel: cancel, per: map[int]int{}, last: time.Now()}
	for client := range clients {
		conn := dial(t, port, "app")
		w.done.Go(func() { w.write(ctx, conn, client) })
	}
	t.Cleanup(w.stop)
	return w
}

func (w *writers) stop() {
	w.cancel()
	w.done.Wait()
}

func (w *writers) write(ctx context.Context, conn *pgconn.PgConn, client int) {
	for n := 1; ctx.Err() == nil; n++ {
		// The statement is never cut off: what it did must be known.
		_, err := conn.Exec(context.Background(), fmt.Sprintf("INSERT INTO writes VALUES (%d, %d)", client, n)).ReadAll()
		w.note(client, err)
		if err != nil {
			return
		}
	}
}

func (w *writers) note(client int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed = append(w.failed, fmt.Errorf("client %d: %w", client, err))
		return
	}
	w.acked.Add(1)
	w.per[client]++
	now := time.Now()
	w.gap = max(w.gap, now.Sub(w.last))
	w.last = now
}

// more waits until every client has written so many rows more, or one has failed.
func (w *writers) more(t testing.TB, clients, rows int) {
	t.Helper()
	before := w.counts()
	plugintest.Eventually(t, "every client writes", func() bool {
		now := w.counts()
		for client := range clients {
			if now[client] < before[client]+rows {
				return len(w.errors()) > 0
			}
		}
		return true
	})
}

func (w *writers) counts() map[int]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[int]int{}
	for client, n := range w.per {
		now[client] = n
	}
	return now
}

func (w *writers) errors() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// TestSwitchover: PostgreSQL is stopped and comes back elsewhere, and none of 50 clients sees an error.
func TestSwitchover(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		for name, list := range map[string][]string{"all databases": nil, "one database": {"app"}} {
			t.Run(name, func(t *testing.T) { switchover(t, program, list) })
		}
	})
}

func switchover(t *testing.T, program string, list []string) {
	const clients = 50
	pg, file := newPostgres(t), emptyFile(t)
	b := newBouncer(t, program, file)
	r := newRouter(t, map[string]any{
		"consoles": []string{b.console("pgvigil")}, "databases_file": databases(file), "databases": list,
	})
	if err := r.lead(t, 1, pg.endpoint("a")); err != nil {
		t.Fatal(err)
	}
	w := startWriters(t, clients, b.port)
	w.more(t, clients, 5)

	began := time.Now()
	r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
	paused := time.Since(began)
	held := pg.rows(t) // not what the clients have counted: a client may yet have to read its last answer
	pg.move(t)
	if got := pg.rows(t); got != held {
		t.Errorf("%d rows when paused, %d before the resume", held, got)
	}
	moved := time.Now()
	if err := r.lead(t, 2, pg.endpoint("b")); err != nil {
		t.Fatal(err)
	}
	r.mustResume(t, 2)
	t.Logf("pause took %s, routing and resume %s", paused, time.Since(moved))

	w.more(t, clients, 5)
	w.stop()
	t.Logf("%d writes, longest time without one %s", w.acked.Load(), w.gap)
	for _, err := range w.errors() {
		t.Error(err)
	}
	if got := pg.rows(t); got != w.acked.Load() {
		t.Errorf("%d rows, %d acknowledged", got, w.acked.Load())
	}
}
