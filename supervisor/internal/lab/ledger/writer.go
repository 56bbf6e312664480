// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Table is where the rows go. Its schema must exist and let the clients create it.
const Table = "lab.ledger"

const (
	createTable = "create table if not exists " + Table + " (client int, seq bigint, primary key (client, seq)); truncate " + Table
	insertRow   = "insert into " + Table + " values ($1, $2) returning " +
		"pg_walfile_name(pg_current_wal_insert_lsn()), pg_current_wal_insert_lsn()::text"
)

// Writer is a number of clients that write as fast as Pause lets them, each on a connection of its own that it makes
// anew whenever a write is not acknowledged.
type Writer struct {
	// Config is how a client connects; it must lead to the primary (target_session_attrs).
	Config *pgx.ConnConfig
	// Ledger keeps the book; its number of clients is the writer's.
	Ledger *Ledger
	// Pause between an acknowledgement and the next write; default 2 ms.
	Pause time.Duration
	// Timeout after which a client takes a write for lost; default 1 s.
	Timeout time.Duration
	// Retry is the time between a connection that could not be made and the next attempt; default 5 ms.
	Retry time.Duration

	cancel context.CancelFunc
	group  sync.WaitGroup
}

// Start creates the table, empty, and starts the clients.
func (w *Writer) Start(ctx context.Context) error {
	w.defaults()
	conn, err := pgx.ConnectConfig(ctx, w.Config.Copy())
	if err != nil {
		return fmt.Errorf("ledger table: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, createTable).ReadAll(); err != nil {
		return fmt.Errorf("ledger table: %w", err)
	}
	w.run(ctx, 0, len(w.Ledger.entries))
	return nil
}

// Join starts guests instead of Start: clients that write into the table and the ledger of a writer that was started, to
// other servers than its own clients do.
func (w *Writer) Join(ctx context.Context, clients int) {
	w.defaults()
	first := w.Ledger.grow(clients)
	w.run(ctx, first, clients)
}

func (w *Writer) defaults() {
	w.Pause = cmp.Or(w.Pause, 2*time.Millisecond)
	w.Timeout = cmp.Or(w.Timeout, time.Second)
	w.Retry = cmp.Or(w.Retry, 5*time.Millisecond)
}

func (w *Writer) run(ctx context.Context, first, clients int) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	for number := first; number < first+clients; number++ {
		w.group.Go(func() { w.client(running, number) })
	}
}

// Stop ends the clients after the write each is at, and writes out the ledger's file.
func (w *Writer) Stop() error {
	if w.cancel != nil {
		w.cancel()
	}
	w.group.Wait()
	return w.Ledger.Flush()
}

// client connects and writes until the context ends.
func (w *Writer) client(ctx context.Context, number int) {
	var seq int64
	for ctx.Err() == nil {
		conn, err := pgx.ConnectConfig(ctx, w.Config.Copy())
		if err != nil {
			rest(ctx, w.Retry)
			continue
		}
		seq = w.session(ctx, conn, number, seq)
		hangUp(conn)
	}
}

// session writes on one connection until a write is not acknowledged, and returns the last number used.
func (w *Writer) session(ctx context.Context, conn *pgx.Conn, number int, seq int64) int64 {
	for ctx.Err() == nil {
		seq++
		entry := w.write(ctx, conn, number, seq)
		w.Ledger.Record(entry)
		if entry.Outcome != Acknowledged {
			return seq
		}
		rest(ctx, w.Pause)
	}
	return seq
}

// write sends one row. It is not cut short by the end of ctx, so that stopping makes no unknown outcomes.
func (w *Writer) write(ctx context.Context, conn *pgx.Conn, number int, seq int64) Entry {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Timeout)
	defer cancel()
	entry := Entry{Client: number, Seq: seq, Sent: boottime.Now()}
	var file, lsn string
	err := conn.QueryRow(ctx, insertRow, number, seq).Scan(&file, &lsn)
	entry.At = boottime.Now()
	entry.Outcome = outcome(err)
	if err == nil {
		entry.Timeline, entry.LSN = position(file, lsn)
	}
	return entry
}

// outcome of a write that ended with that error. Only an ordinary error of the server proves that nothing was committed;
// a fatal one ends a session at any point, also after the commit.
func outcome(err error) Outcome {
	var answer *pgconn.PgError
	switch {
	case err == nil:
		return Acknowledged
	case errors.As(err, &answer) && answer.SeverityUnlocalized == "ERROR", pgconn.SafeToRetry(err):
		return Failed
	}
	return Unknown
}

// position of an insert, from the name of the WAL file, which begins with the timeline, and the position in it.
func position(file, lsn string) (timeline uint32, at uint64) {
	number, err := strconv.ParseUint(file[:min(8, len(file))], 16, 32)
	if err != nil {
		return 0, 0
	}
	if at, err = parseLSN(lsn); err != nil {
		return 0, 0
	}
	return uint32(number), at
}

// hangUp closes a connection without waiting for the server, which may be gone.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_ = conn.Close(ctx)
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
