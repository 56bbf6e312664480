// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Conn is one connection. Not safe for concurrent use.
type Conn struct {
	pg *pgconn.PgConn
}

// Rows are the rows of one result; NULL is the empty string.
type Rows [][]string

// Address is where a running server listens for connections from its own host. The configuration may say
// something else already.
type Address struct {
	// SocketDir is the directory of the unix socket.
	SocketDir string
	// Port is part of the socket's name.
	Port uint16
}

// Local connects to this host's server over its unix socket as the superuser. Statements longer than
// limit are cancelled by the server; 0 does not limit them.
func Local(ctx context.Context, c *config.Config, a Address, limit time.Duration) (*Conn, error) {
	if a.SocketDir == "" {
		a = Address{SocketDir: c.SocketDir, Port: c.Port}
	}
	p := conf.Peer{Host: a.SocketDir, Port: a.Port}
	cfg, err := parse(p, c.Superuser, "postgres", "sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["statement_timeout"] = fmt.Sprint(limit.Milliseconds())
	return connect(ctx, cfg)
}

// Remote connects to another member's server as the rewind role.
func Remote(ctx context.Context, c *config.Config, p conf.Peer) (*Conn, error) {
	cfg, err := parse(p, c.Rewind, "postgres", tlsOptions(c.Rewind))
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["statement_timeout"] = "10000"
	return connect(ctx, cfg)
}

// Replication opens a walsender on another member's server as the replication role.
func Replication(ctx context.Context, c *config.Config, p conf.Peer) (*Conn, error) {
	cfg, err := parse(p, c.Replication, "", tlsOptions(c.Replication))
	if err != nil {
		return nil, err
	}
	delete(cfg.RuntimeParams, "search_path")
	cfg.RuntimeParams["replication"] = "true"
	return connect(ctx, cfg)
}

func tlsOptions(a config.Account) string {
	out := "sslmode=" + a.SSLMode
	for _, o := range []struct{ name, value string }{
		{"sslrootcert", a.SSLRootCert}, {"sslcert", a.SSLCert}, {"sslkey", a.SSLKey},
	} {
		if o.value != "" {
			out += " " + o.name + "='" + o.value + "'"
		}
	}
	return out
}

// parse builds a configuration for one host that takes nothing from the environment that matters. With
// sslmode prefer and allow the only fallback is the other kind of connection to the same host.
func parse(p conf.Peer, role config.Account, database, options string) (*pgconn.Config, error) {
	host := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p.Host)
	cfg, err := pgconn.ParseConfig(fmt.Sprintf("host='%s' port=%d user=nobody passfile=/dev/null %s", host, p.Port, options))
	if err != nil {
		return nil, fmt.Errorf("connection settings: %w", err)
	}
	cfg.User, cfg.Password, cfg.Database = role.Username, role.Password, database
	cfg.ValidateConnect, cfg.AfterConnect = nil, nil
	cfg.RuntimeParams = map[string]string{"application_name": "pgvigil", "search_path": "pg_catalog"}
	return cfg, nil
}

func connect(ctx context.Context, cfg *pgconn.Config) (*Conn, error) {
	pg, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Conn{pg}, nil
}

// Query runs statements in one round trip and returns the rows of each.
func (c *Conn) Query(ctx context.Context, sql string) ([]Rows, error) {
	results, err := c.pg.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	out := make([]Rows, 0, len(results))
	for _, r := range results {
		rows := make(Rows, 0, len(r.Rows))
		for _, cells := range r.Rows {
			row := make([]string, len(cells))
			for i, cell := range cells {
				row[i] = string(cell)
			}
			rows = append(rows, row)
		}
		out = append(out, rows)
	}
	return out, nil
}

// Row runs one statement that gives exactly one row.
func (c *Conn) Row(ctx context.Context, sql string) ([]string, error) {
	out, err := c.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 || len(out[0]) != 1 {
		return nil, fmt.Errorf("answer without a row")
	}
	return out[0][0], nil
}

// ServerVersion is the version the server told at the start.
func (c *Conn) ServerVersion() string { return c.pg.ParameterStatus("server_version") }

// Closed tells whether the connection is unusable.
func (c *Conn) Closed() bool { return c.pg.IsClosed() }

// Close ends the connection without waiting for the server.
func (c *Conn) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_ = c.pg.Close(ctx)
}
