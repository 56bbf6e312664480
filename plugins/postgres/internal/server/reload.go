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
)

// reloadLimit is how long settings may take to come into force.
const reloadLimit = 10 * time.Second

var errNotInForce = errors.New("settings did not come into force: something overrules postgresql.conf")

// refresh makes the server read its files unless it has read them as they are, also when an earlier call
// was cut off between writing and reloading.
func (i *instance) refresh(ctx context.Context, in conf.Intent) error {
	v, err := i.inForce(ctx)
	if err != nil {
		return err
	}
	if v.match(i.c, in) && !conf.Written(i.c).After(v.loaded) {
		return nil
	}
	return i.reload(ctx, in)
}

// reload makes the server read its files, and waits until this connection has: the others follow at once.
func (i *instance) reload(ctx context.Context, in conf.Intent) error {
	if err := i.hangUp(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, reloadLimit, errNotInForce)
	defer cancel()
	return poll(ctx, time.Millisecond, func() (bool, error) {
		v, err := i.inForce(ctx)
		return err == nil && v.match(i.c, in), err
	})
}

func (i *instance) hangUp() error { return syscall.Kill(i.server.PID, syscall.SIGHUP) }

// hangUp makes whatever server runs read its files.
func hangUp(c *config.Config) error {
	m, running, err := datadir.FindPostmaster(c.DataDir)
	if err == nil && running {
		err = syscall.Kill(m.PID, syscall.SIGHUP)
	}
	return err
}

// reloaded makes the server read its files and returns a connection that proves that every process of it has been told, with
// the settings found there. A postmaster looks for a SIGHUP before it accepts a connection, and connections wait in line;
// so the one that was asked for after the signal was sent is accepted after it was acted on. Acting on it is to read the
// files and then to signal all processes, in one go.
func reloaded(ctx context.Context, c *config.Config, in conf.Intent) (*instance, inForce, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, reloadLimit, errNotInForce)
	defer cancel()
	var out *instance
	var v inForce
	err := poll(ctx, time.Millisecond, func() (bool, error) {
		if err := hangUp(c); err != nil {
			return false, err
		}
		i, err := open(ctx, c)
		if err != nil {
			return false, err
		}
		if v, err = i.inForce(ctx); err == nil && v.match(c, in) {
			out = i
			return true, nil
		}
		i.Close()
		return false, err
	})
	return out, v, err
}

// inForce are settings as a session has them.
type inForce struct {
	conninfo, slot, restore, syncNames string
	// loaded is when they were read.
	loaded time.Time
	// startup is the process that recovers; 0 when none does.
	startup int
}

func (i *instance) inForce(ctx context.Context) (v inForce, err error) {
	row, err := i.conn.Row(ctx, `SELECT current_setting('primary_conninfo'), current_setting('primary_slot_name'),
 current_setting('restore_command'), current_setting('synchronous_standby_names'),
 (extract(epoch FROM pg_conf_load_time()) * 1e6)::bigint,
 (SELECT pid FROM pg_stat_get_activity(NULL) WHERE backend_type = 'startup')`)
	if err != nil {
		return v, err
	}
	micro, err := strconv.ParseInt(row[4], 10, 64)
	if err != nil {
		return v, err
	}
	if row[5] != "" {
		v.startup, err = strconv.Atoi(row[5])
	}
	return inForce{
		conninfo: row[0], slot: row[1], restore: row[2], syncNames: row[3],
		loaded: time.UnixMicro(micro), startup: v.startup,
	}, err
}

// match tells whether the settings by which other members know the server are as the intent says.
func (v inForce) match(c *config.Config, in conf.Intent) bool {
	return v.conninfo == conf.PrimaryConninfo(c, in.Upstream) && v.slot == conf.PrimarySlot(c, in.Upstream) && v.syncNames == in.SyncNames
}
