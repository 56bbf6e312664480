// SPDX-License-Identifier: Apache-2.0

package register

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Table is where the rows are. Its schema must exist and let the clients create it.
const Table = "lab.register"

const (
	rows        = 20000
	createTable = "create table if not exists " + Table + " (key bigint primary key, value bigint not null); truncate " + Table
	fillTable   = "insert into " + Table + " select key, 0 from generate_series(0, $1::bigint - 1) key"
	lockRow     = "select value from " + Table + " where key = $1 for update"
	setRow      = "update " + Table + " set value = $2 where key = $1"
)

// At any time the clients use a few rows, and after some operations the next few: a check takes time that grows with what one
// row saw, and with the open operations among that above all.
const (
	busyRows      = 2
	operationsPer = 60
)

// Workload is a number of clients that work on a few rows at a time.
type Workload struct {
	// Config is how a client connects; it must lead to the primary (target_session_attrs).
	Config *pgx.ConnConfig
	// Clients is how many there are, default 3; Pause how long each waits between two operations, default 10 ms.
	Clients int
	Pause   time.Duration
	// Timeout after which a client takes an operation for lost; default 1 s.
	Timeout time.Duration
	// History is what they did.
	History History

	begun  atomic.Int64
	values atomic.Int64
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// Start creates the table and starts the clients.
func (w *Workload) Start(ctx context.Context) error {
	w.Clients, w.Pause, w.Timeout = cmp.Or(w.Clients, 3), cmp.Or(w.Pause, 10*time.Millisecond), cmp.Or(w.Timeout, time.Second)
	if err := w.prepare(ctx); err != nil {
		return fmt.Errorf("register table: %w", err)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	for number := range w.Clients {
		w.group.Go(func() { w.client(running, number) })
	}
	return nil
}

func (w *Workload) prepare(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, w.Config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, createTable).ReadAll(); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fillTable, rows)
	return err
}

// Stop ends the clients after the operation each is at. It may be called again.
func (w *Workload) Stop() {
	if w.cancel != nil {
		w.cancel()
	}
	w.group.Wait()
}

// client connects and works until the context ends.
func (w *Workload) client(ctx context.Context, number int) {
	for ctx.Err() == nil {
		conn, err := pgx.ConnectConfig(ctx, w.Config.Copy())
		if err != nil {
			rest(ctx, 5*time.Millisecond)
			continue
		}
		for ctx.Err() == nil && w.once(ctx, conn, w.next(number)) {
			rest(ctx, w.Pause)
		}
		hangUp(conn)
	}
}

// next chooses an operation. Values are never used twice, and a swap expects one that was used lately.
func (w *Workload) next(client int) Operation {
	turn := w.begun.Add(1) / operationsPer
	o := Operation{Client: client, Key: (turn*busyRows + rand.Int64N(busyRows)) % rows}
	switch rand.IntN(3) {
	case 0:
		o.Kind = Read
	case 1:
		o.Kind, o.New = Write, w.values.Add(1)
	default:
		o.Kind, o.New = Swap, w.values.Add(1)
		o.Old = max(0, o.New-1-rand.Int64N(3))
	}
	return o
}

// once does one operation and enters it, and tells whether the connection is still good. It is not cut short by the end of
// ctx. What certainly did not happen is not entered, nor is a read without an answer.
func (w *Workload) once(ctx context.Context, conn *pgx.Conn, o Operation) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Timeout)
	defer cancel()
	o.Sent = boottime.Now()
	committing, err := do(ctx, conn, &o)
	o.Settled = boottime.Now()
	o.Open = err != nil
	if err == nil || committing && o.Kind != Read && !refused(err) {
		w.History.Record(o)
	}
	return err == nil
}

// do tells whether the commit was asked for, and whether everything was done.
func do(ctx context.Context, conn *pgx.Conn, o *Operation) (committing bool, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	if err := tx.QueryRow(ctx, lockRow, o.Key).Scan(&o.Value); err != nil {
		return false, err
	}
	if o.Kind == Write || o.Kind == Swap && o.Value == o.Old {
		if _, err := tx.Exec(ctx, setRow, o.Key, o.New); err != nil {
			return false, err
		}
	}
	return true, tx.Commit(ctx)
}

// refused: only an ordinary error of the server proves that nothing was committed. (pgconn.SafeToRetry does not: it holds for the
// error of a commit that was sent, when the server ends before it answers.)
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.SeverityUnlocalized == "ERROR"
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
