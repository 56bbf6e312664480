// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strconv"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// instance is the running server with a connection to it, for the length of one call.
type instance struct {
	c    *config.Config
	pid  int
	conn *session.Conn
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
	return &instance{c: c, pid: m.PID, conn: conn}, nil
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

// refresh makes the server read its files unless it has read them as they are, also when an earlier call
// was cut off between writing and reloading.
func (i *instance) refresh(ctx context.Context, in conf.Intent) error {
	ok, loaded, err := i.inForce(ctx, in)
	if err != nil {
		return err
	}
	if ok && !conf.Written(i.c).After(loaded) {
		return nil
	}
	return i.reload(ctx, in)
}

// reload makes the server read its files, and waits until it has.
func (i *instance) reload(ctx context.Context, in conf.Intent) error {
	if err := syscall.Kill(i.pid, syscall.SIGHUP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, reloadLimit, errNotInForce)
	defer cancel()
	return poll(ctx, time.Millisecond, func() (bool, error) {
		ok, _, err := i.inForce(ctx, in)
		return ok, err
	})
}

// reloadLimit is how long settings may take to come into force.
const reloadLimit = 10 * time.Second

var errNotInForce = errors.New("settings did not come into force: something overrules postgresql.conf")

// inForce tells whether the settings by which other members know the server are as the intent says, in
// the session, which has them from the same signal as everybody else; and when the session last loaded
// its settings.
func (i *instance) inForce(ctx context.Context, in conf.Intent) (ok bool, loaded time.Time, err error) {
	row, err := i.conn.Row(ctx, `SELECT current_setting('primary_conninfo'), current_setting('synchronous_standby_names'),
 (extract(epoch FROM pg_conf_load_time()) * 1e6)::bigint`)
	if err != nil {
		return false, time.Time{}, err
	}
	micro, err := strconv.ParseInt(row[2], 10, 64)
	return row[0] == conf.PrimaryConninfo(i.c, in.Upstream) && row[1] == in.SyncNames, time.UnixMicro(micro), err
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
