// SPDX-License-Identifier: Apache-2.0

// Package console talks to the admin console of a PgBouncer: the simple protocol only, a deadline on everything, and
// never a cancel request, which PgBouncer takes for RESUME.
package console

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Console is the admin console of one PgBouncer. Safe for concurrent use.
type Console struct {
	// Name is the connection string as configured.
	Name string

	config   *pgconn.Config
	password func() (string, error)
	turn     chan struct{} // held by whoever uses what follows
	conn     *pgconn.PgConn
	since    time.Time // of conn
	admin    bool      // the user was seen to have the right to do more than SHOW
}

// keepFor is how long a connection is used. A PgBouncer that waits for its clients to leave does not listen any more,
// but counts this one: it must not be kept from ending.
const keepFor = time.Minute

// Row is a row of a SHOW command, by column. NULL is the empty string.
type Row map[string]string

// Check tells what is wrong with a connection string; it contacts nobody.
func Check(conninfo string) error {
	_, err := parse(conninfo)
	return err
}

// Open makes a console that connects when it is used, each time with the password of that moment.
func Open(conninfo string, password func() (string, error)) (*Console, error) {
	config, err := parse(conninfo)
	if err != nil {
		return nil, err
	}
	return &Console{Name: conninfo, config: config, password: password, turn: make(chan struct{}, 1)}, nil
}

// unset stands for a host that is not given; pgconn would look for one.
const unset = "-"

// parse takes nothing from the environment that matters.
func parse(conninfo string) (*pgconn.Config, error) {
	if strings.Contains(conninfo, "://") {
		return nil, errors.New(`write it as "host=… port=… user=…", not as a URL`)
	}
	config, err := pgconn.ParseConfig("dbname=pgbouncer port=6432 user=pgbouncer host=" + unset + " passfile=/dev/null " + conninfo)
	elsewhere := func(f *pgconn.FallbackConfig) bool { return f.Host != config.Host }
	switch {
	case err != nil:
		return nil, err
	case config.Host == unset, slices.ContainsFunc(config.Fallbacks, elsewhere):
		return nil, errors.New("host must be one host, or the directory of a Unix socket")
	case config.Password != "":
		return nil, errors.New("take the password out and put it into password_file")
	case config.Database != "pgbouncer":
		return nil, errors.New("take dbname out: the console is the database pgbouncer")
	}
	config.RuntimeParams = map[string]string{"application_name": "pgvigil"}
	return config, nil
}

// Local tells whether the PgBouncer is on this host.
func (c *Console) Local() bool {
	return strings.HasPrefix(c.config.Host, "/") || c.config.Host == "localhost" || net.ParseIP(c.config.Host).IsLoopback()
}

// Query runs a command on the connection that is kept, made anew if need be, and returns what it shows.
func (c *Console) Query(ctx context.Context, command string) ([]Row, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, c.explain(ctx.Err())
	}
	if time.Since(c.since) > keepFor {
		c.drop()
	}
	kept := c.conn != nil
	rows, err := c.try(ctx, command)
	if kept && c.conn == nil && ctx.Err() == nil {
		rows, err = c.try(ctx, command) // PgBouncer was started anew since
	}
	return rows, c.explain(err)
}

func (c *Console) try(ctx context.Context, command string) ([]Row, error) {
	if c.conn == nil {
		conn, err := c.login(ctx)
		if err != nil {
			return nil, err
		}
		c.conn, c.since, c.admin = conn, time.Now(), true
	}
	rows, err := run(ctx, c.conn, command)
	if c.conn.IsClosed() {
		c.conn, c.admin = nil, false
	}
	return rows, err
}

// Wait runs a command that takes long, on a connection of its own. Ending the context ends only the wait.
func (c *Console) Wait(ctx context.Context, command string) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return c.explain(err)
	}
	defer closeNow(conn)
	_, err = run(ctx, conn, command)
	return c.explain(err)
}

// Close ends the connection; the next use makes another.
func (c *Console) Close() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.drop()
}

func (c *Console) drop() {
	if c.conn != nil {
		closeNow(c.conn)
		c.conn = nil
	}
}

// login connects and makes sure, once, of the right to do more than SHOW.
func (c *Console) login(ctx context.Context) (*pgconn.PgConn, error) {
	conn, err := c.dial(ctx)
	if err != nil || c.admin {
		return conn, err
	}
	// The admin database is never paused: this changes nothing, and is refused for one of two reasons.
	if _, err := run(ctx, conn, "RESUME pgbouncer"); err != nil && !Idle(err) {
		closeNow(conn)
		return nil, err
	}
	return conn, nil
}

// dial connects. The connection cannot send a cancel request: that needs a second one, which is refused.
func (c *Console) dial(ctx context.Context) (*pgconn.PgConn, error) {
	config := c.config.Copy()
	password, err := c.password()
	if err != nil {
		return nil, err
	}
	config.Password = password
	var connected atomic.Bool
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			return nil, errors.New("a cancel request would resume PgBouncer")
		}
		return dial(ctx, network, address)
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	connected.Store(true)
	return conn, err
}

func run(ctx context.Context, conn *pgconn.PgConn, command string) ([]Row, error) {
	results, err := conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, result := range results {
		for _, cells := range result.Rows {
			row := Row{}
			for i, cell := range cells {
				row[result.FieldDescriptions[i].Name] = string(cell)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// closeNow ends a connection without waiting for PgBouncer.
func closeNow(conn *pgconn.PgConn) { _ = conn.Conn().Close() }
