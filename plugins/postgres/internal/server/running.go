// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// instance is the running server with a connection to it, for the length of one call.
type instance struct {
	c      *config.Config
	server datadir.Postmaster
	conn   *session.Conn
}

// open connects to the running server; Close must be called.
func open(ctx context.Context, c *config.Config) (*instance, error) {
	m, running, err := datadir.FindPostmaster(c.DataDir)
	if err != nil {
		return nil, err
	}
	if !running {
		return nil, refused("PostgreSQL is not running")
	}
	conn, err := session.Local(ctx, c, m.Address, 0)
	if err != nil {
		return nil, err
	}
	return &instance{c: c, server: m, conn: conn}, nil
}

// Close ends the connection.
func (i *instance) Close() { i.conn.Close() }

// recovering tells whether the server is a standby.
func (i *instance) recovering(ctx context.Context) (bool, error) {
	row, err := i.conn.Row(ctx, "SELECT pg_is_in_recovery()")
	if err != nil {
		return false, err
	}
	return row[0] == "t", nil
}

// standby refuses a primary.
func (i *instance) standby(ctx context.Context) error {
	yes, err := i.recovering(ctx)
	if err == nil && !yes {
		return refused("PostgreSQL is a primary")
	}
	return err
}

// poll calls f until it is done, fails, or ctx ends; the step between grows from the given one.
func poll(ctx context.Context, step time.Duration, f func() (bool, error)) error {
	began := time.Now()
	for {
		done, err := f()
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(min(200*time.Millisecond, max(step, time.Since(began)/20))):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
