// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// line is a connection that is kept.
type line struct {
	conn *pgconn.PgConn
}

// dial connects over TCP, with the password.
func (h *host) dial(ctx context.Context) (*line, error) {
	cfg, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable passfile=/dev/null", h.port))
	if err != nil {
		return nil, err
	}
	cfg.Password = superPassword
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	return &line{conn}, err
}

func (h *host) mustDial(t testing.TB) *line {
	t.Helper()
	l, err := h.dial(within(t))
	must(t, "connection to "+h.name, err)
	t.Cleanup(func() { _ = l.conn.Close(context.Background()) })
	return l
}

// sql runs a statement and returns the first cell of its answer.
func (l *line) sql(ctx context.Context, statement string) (string, error) {
	results, err := l.conn.Exec(ctx, statement).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

func (l *line) mustSQL(t testing.TB, statement string) string {
	t.Helper()
	out, err := l.sql(within(t), statement)
	must(t, statement, err)
	return out
}
