// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Detach implements the service. A standby that is not running is detached by what its files say; it
// stands where its log ends.
func (s *Server) Detach(ctx context.Context, req *pluginv1.DetachRequest) (*pluginv1.DetachResponse, error) {
	if err := s.epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	c := s.current()
	_, running, err := datadir.FindPostmaster(c.DataDir)
	if err != nil {
		return nil, toStatus(err)
	}
	if running {
		err = s.detach(ctx, c)
	} else {
		err = s.detachStopped(c)
	}
	if err != nil {
		return nil, toStatus(err)
	}
	return s.position(ctx)
}

// position is where the observer, asked now, sees the standby.
func (s *Server) position(ctx context.Context) (*pluginv1.DetachResponse, error) {
	last, err := s.observer.Refresh(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	st := last.State
	switch {
	case st.GetLsn() == 0 || st.GetTimeline() == 0:
		return nil, refused("position is not known: %s", st.GetMessage())
	case st.GetReceiver() != nil || st.GetUpstream() != "":
		return nil, refused("standby is not detached any more")
	}
	return &pluginv1.DetachResponse{Lsn: st.GetLsn(), Timeline: st.GetTimeline(), DoneAtBoottimeNs: s.observer.Settle()}, nil
}

func (s *Server) detachStopped(c *config.Config) error {
	if err := nobodyHome(c); err != nil {
		return err
	}
	if absent, err := datadir.Absent(c.DataDir); err != nil || absent {
		return refused("there is no data directory")
	}
	_, err := s.change(c, func(in *conf.Intent) { in.Upstream = nil })
	return err
}

func (s *Server) detach(ctx context.Context, c *config.Config) error {
	if err := s.point(ctx, c, nil); err != nil {
		return err
	}
	i, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer i.Close()
	var before detached
	return poll(ctx, 3*time.Millisecond, func() (bool, error) {
		now, err := i.lookDetached(ctx)
		if err != nil {
			return false, err
		}
		again := now.quiet && before.quiet && now.received == before.received && now.at.Sub(before.at) >= lookAgain
		if !now.quiet || !before.quiet || now.received != before.received {
			before = now
		}
		return again, nil
	})
}

// lookAgain is how far the two looks are apart that must both find nothing.
const lookAgain = 10 * time.Millisecond

// detached is one look at a standby that is to be detached.
type detached struct {
	quiet    bool
	received string
	at       time.Time
}

// lookDetached looks for a receiver, in shared memory and among the processes, and for a running
// restore_command, a child of the startup process. It ends a receiver that it finds.
func (i *instance) lookDetached(ctx context.Context) (detached, error) {
	row, err := i.conn.Row(ctx, `SELECT
 (SELECT count(*) FROM pg_stat_get_wal_receiver() w WHERE w.pid IS NOT NULL),
 (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'walreceiver'),
 (SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'startup'), pg_last_wal_receive_lsn()`)
	if err != nil {
		return detached{}, err
	}
	out := detached{quiet: row[0] == "0" && row[1] == "0", received: row[3], at: time.Now()}
	startup, err := strconv.Atoi(row[2])
	if err != nil {
		return out, refused("PostgreSQL is not recovering any more")
	}
	children, err := proc.Children(startup)
	out.quiet = out.quiet && len(children) == 0
	return out, err
}
