// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// held is a synchronous_standby_names that no standby can satisfy: member names have no spaces. A standby that received
// the beginning of a record whose rest never came is promoted with it. The new timeline begins before that fragment, but
// standbys that stream from it have flushed it, too, and the walsenders that served them before the promotion go on
// to count that as new log: commits that come to lie there would be acknowledged without having been sent to anybody.
const held = `ANY 1 ("held by pgvigil")`

// beforeOpening gives a standby what it needs before it may open, and tells whether that is held instead of the names asked for.
func (s *Server) beforeOpening(ctx context.Context, i *instance, req *pluginv1.PromoteRequest) (holds bool, err error) {
	names := req.GetSynchronousStandbyNames()
	if err := s.prime(ctx, i, req, names); err != nil {
		return false, err
	}
	whole, err := i.atRest(ctx)
	if err != nil || whole || names == "" {
		return false, err
	}
	return true, s.prime(ctx, i, req, held)
}

// restPatience is how long a standby that was just cut off has to come to rest. It takes some milliseconds.
const restPatience = 50 * time.Millisecond

// atRest waits for a standby that was cut off to come to rest, and completes its log. It tells whether the standby is known to hold
// nothing beyond its last complete record; one that takes too long is not.
func (i *instance) atRest(ctx context.Context) (whole bool, err error) {
	v, err := i.inForce(ctx)
	if err != nil {
		return false, err
	}
	var look detached
	impatient := time.Now().Add(restPatience)
	err = poll(ctx, time.Millisecond, func() (bool, error) {
		look, err = i.lookDetached(ctx, v.startup)
		return look.atRest || time.Now().After(impatient), err
	})
	if err != nil || !look.atRest {
		return false, err
	}
	return look.end == look.replayed, i.complete(ctx, look)
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
