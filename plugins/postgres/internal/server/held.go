// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// held is a synchronous_standby_names that no standby can satisfy: member names have no spaces. A standby that received
// the beginning of a record whose rest never came is promoted with it. The new timeline begins before that fragment, but
// standbys that stream from it have flushed it, too, and the walsenders that served them before the promotion go on
// to count that as new log: commits that come to lie there would be acknowledged without having been sent to anybody.
const held = `ANY 1 ("held by pgvigil")`

// openingNames is the value to open with when names are to count.
func (i *instance) openingNames(ctx context.Context, names string) (string, error) {
	if names == "" {
		return names, nil
	}
	row, err := i.conn.Row(ctx, `SELECT current_setting('primary_conninfo') <> ''
 OR coalesce(pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn(), false)`)
	if err != nil {
		return "", err
	}
	if row[0] == "t" {
		return held, nil
	}
	return names, nil
}

// release ends all walsenders of a primary that was promoted with held in force, so that none counts a fragment. Those
// that come after begin on the new timeline.
func (i *instance) release(ctx context.Context) error {
	senders, err := i.pids(ctx, "SELECT pid FROM pg_stat_get_wal_senders()")
	if err != nil {
		return err
	}
	return i.end(ctx, senders)
}

// end ends processes of the server, and waits until they are gone.
func (i *instance) end(ctx context.Context, pids []int) error {
	began := map[int]uint64{}
	for _, pid := range pids {
		if st, err := proc.Read(pid); err == nil {
			began[pid] = st.StartTicks
		}
	}
	if len(began) == 0 {
		return nil
	}
	if _, err := i.conn.Query(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_get_wal_senders() WHERE pid = ANY ('{"+join(pids)+"}')"); err != nil {
		return err
	}
	return poll(ctx, time.Millisecond, func() (bool, error) {
		for pid, ticks := range began {
			if proc.Same(pid, ticks) {
				return false, nil
			}
		}
		return true, nil
	})
}
