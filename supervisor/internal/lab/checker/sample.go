// SPDX-License-Identifier: Apache-2.0

package checker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// sample is one answer of a server.
type sample struct {
	window      Window
	writable    bool
	incarnation string
	timeline    uint32
}

// The WAL file's name, which begins with the timeline, is asked only outside recovery, where it is an error; a server that
// enters or leaves recovery in between gives no sample.
const question = `select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on',
	pg_postmaster_start_time()::text,
	case when pg_is_in_recovery() then '' else pg_walfile_name(pg_current_wal_insert_lsn()) end`

// watch samples one target until the context ends. A target that does not answer gives no sample, which proves nothing.
func (c *Checker) watch(ctx context.Context, target Target) {
	ticker := time.NewTicker(c.Every)
	defer ticker.Stop()
	var conn *pgx.Conn
	for ctx.Err() == nil {
		conn = c.sampleOnce(ctx, target, conn)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	hangUp(conn)
}

// sampleOnce samples the target once, over conn or a new connection, and returns the connection to use next, if any.
func (c *Checker) sampleOnce(ctx context.Context, target Target, conn *pgx.Conn) *pgx.Conn {
	ctx, cancel := context.WithTimeout(ctx, c.Deadline)
	defer cancel()
	if conn == nil {
		var err error
		if conn, err = target.Connect(ctx); err != nil {
			return nil
		}
	}
	s, err := ask(ctx, conn)
	if err != nil {
		hangUp(conn)
		return nil
	}
	c.add(target.Name, s)
	return conn
}

func ask(ctx context.Context, conn *pgx.Conn) (sample, error) {
	var s sample
	var closed bool
	var file string
	s.window.Asked = boottime.Now()
	err := conn.QueryRow(ctx, question).Scan(&closed, &s.incarnation, &file)
	s.window.Answered = boottime.Now()
	if err != nil || closed {
		return s, err
	}
	timeline, err := strconv.ParseUint(file[:min(8, len(file))], 16, 32)
	if err != nil {
		return s, fmt.Errorf("WAL file name %q: %w", file, err)
	}
	s.writable, s.timeline = true, uint32(timeline)
	return s, nil
}

// watchEpoch asks one supervisor until the context ends, ten times less often than its server is asked.
func (c *Checker) watchEpoch(ctx context.Context, target Target) {
	ticker := time.NewTicker(10 * c.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.askEpoch(ctx, target)
		}
	}
}

func (c *Checker) askEpoch(ctx context.Context, target Target) {
	ctx, cancel := context.WithTimeout(ctx, c.Deadline)
	defer cancel()
	if epoch, ok := target.Epoch(ctx); ok {
		c.addEpoch(target.Name, epoch)
	}
}

func formatEpoch(epoch uint64) string { return strconv.FormatUint(epoch, 10) }

// hangUp closes a connection without waiting for the server, which may hang.
func hangUp(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_ = conn.Close(ctx)
}
