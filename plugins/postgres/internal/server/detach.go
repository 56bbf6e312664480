// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

const (
	// detachLimit is how long one call waits for the end of the log to be reached. The next one goes on.
	detachLimit = 20 * time.Second
	// blockedLimit is how long replay may wait for something other than log before the call says so.
	blockedLimit = 1500 * time.Millisecond
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
	var end wal.LSN
	if running {
		end, err = s.detach(ctx, c)
	} else {
		err = s.detachStopped(c)
	}
	if err != nil {
		return nil, toStatus(err)
	}
	return s.position(ctx, end)
}

// position is where the observer, asked now, sees the standby: at end, if that is known.
func (s *Server) position(ctx context.Context, end wal.LSN) (*pluginv1.DetachResponse, error) {
	last, err := s.observer.Refresh(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	st := last.State
	switch {
	case st.GetLsn() == 0 || st.GetTimeline() == 0:
		return nil, refused("position is not known: %s", st.GetMessage())
	case st.GetReceiver() != nil || st.GetUpstream() != "" || (end != 0 && st.GetLsn() != uint64(end)):
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

// detach cuts a running standby off, and returns where its log ends once that cannot change any more. See lookDetached
// for what proves it.
func (s *Server) detach(ctx context.Context, c *config.Config) (wal.LSN, error) {
	i, startup, err := s.cutOff(ctx, c)
	if err != nil {
		return 0, err
	}
	defer i.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, detachLimit, errStillReplaying)
	defer cancel()
	var look detached
	var w waiting
	err = poll(ctx, time.Millisecond, func() (bool, error) {
		if look, err = i.lookDetached(ctx, startup); err != nil {
			return false, err
		}
		return look.atRest, w.judge(look)
	})
	if err == nil {
		err = i.complete(ctx, look)
	}
	return look.end, err
}

var errStillReplaying = errors.New("standby is cut off, but has not replayed its log to the end: ask again")

// cutOff takes the sources of log away from a standby. It returns a connection that proves that the startup process,
// which alone uses them, was told, and the number of that process.
func (s *Server) cutOff(ctx context.Context, c *config.Config) (i *instance, startup int, err error) {
	if last, _ := s.observer.Last(); last != nil && last.State.GetRole() == pluginv1.Role_ROLE_PRIMARY {
		return nil, 0, refused("PostgreSQL is a primary")
	}
	if _, err := s.change(c, func(in *conf.Intent) { in.Upstream = nil }); err != nil {
		return nil, 0, err
	}
	i, v, err := reloaded(ctx, c, source{s}.Intent())
	if err != nil {
		return nil, 0, err
	}
	switch {
	case v.startup == 0:
		err = refused("PostgreSQL is a primary")
	case v.restore != "":
		err = refused("restore_command is in force until a restart: before PostgreSQL 14 it cannot be emptied by a reload")
	default:
		err = conf.SetStandby(c, c.DataDir)
	}
	if err != nil {
		i.Close()
		return nil, 0, err
	}
	return i, v.startup, nil
}

// detached is one look at a standby that was cut off.
type detached struct {
	atRest bool
	// end is where what was received ends, replayed where the last complete record of it does, received what the last stream brought.
	end, replayed, received wal.LSN
	// doing is what the startup process waits for; empty when it works.
	doing  string
	paused bool
	at     time.Time
}

// lookDetached looks at the startup process, and ends a receiver that it finds.
//
// The standby is at rest when the startup process slept through the look in RecoveryRetrieveRetryInterval, with every
// SIGHUP taken. It enters that wait only after it has tried the archive, pg_wal and the stream for the record after the
// last one it replayed, has found none, and has seen the receiver stopped: one that was only asked for finds that out
// when it begins, and ends. Before it asks for another or runs restore_command, it looks at its settings, where neither
// is left. A receiver flushes what it wrote before it says that it stopped. So nothing can arrive, and what is
// there is known: replayed to the end of the last complete record, or received beyond it.
func (i *instance) lookDetached(ctx context.Context, startup int) (detached, error) {
	first := naps([]int{startup})
	row, err := i.conn.Row(ctx, `SELECT
 (SELECT count(*) FROM pg_stat_get_wal_receiver() w WHERE w.pid IS NOT NULL),
 (SELECT max(pid) FROM pg_stat_get_activity(NULL) WHERE backend_type = 'walreceiver'),
 (SELECT coalesce(wait_event_type || ':' || wait_event, '') FROM pg_stat_get_activity(NULL)
   WHERE backend_type = 'startup' AND pid = `+join([]int{startup})+`),
 pg_is_in_recovery(), pg_is_in_recovery() AND pg_is_wal_replay_paused(),
 coalesce(pg_last_wal_receive_lsn(), '0/0'), coalesce(pg_last_wal_replay_lsn(), '0/0')`)
	if err != nil {
		return detached{}, err
	}
	if row[3] != "t" {
		return detached{}, refused("PostgreSQL is not recovering any more")
	}
	if err := i.endReceiver(row[1]); err != nil {
		return detached{}, err
	}
	slept := proc.SleptThrough(first[startup], naps([]int{startup})[startup])
	children, err := proc.Children(startup)
	if err != nil {
		return detached{}, err
	}
	_, event, _ := strings.Cut(row[2], ":")
	out := detached{doing: row[2], paused: row[4] == "t", at: time.Now()}
	out.atRest = slept && event == "RecoveryRetrieveRetryInterval" && row[0] == "0" && row[1] == "" && len(children) == 0
	if out.received, err = wal.ParseLSN(row[5]); err == nil {
		out.replayed, err = wal.ParseLSN(row[6])
	}
	out.end = max(out.received, out.replayed)
	return out, err
}

// endReceiver ends a receiver, if there is one. The startup process does so by itself, but only when it needs more log;
// pg_terminate_backend refuses to.
func (i *instance) endReceiver(number string) error {
	if number == "" {
		return nil
	}
	pid, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	if st, err := proc.Read(pid); err != nil || st.Parent != i.server.PID {
		return nil // gone already
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// waiting follows what keeps a standby from replaying its log.
type waiting struct {
	end   wal.LSN
	since time.Time
}

// judge is an error when replay has been kept from going on by something that may last.
func (w *waiting) judge(d detached) error {
	blocked := d.paused || blocksReplay(d.doing)
	if !blocked || d.end != w.end || w.since.IsZero() {
		*w = waiting{end: d.end, since: d.at}
		return nil
	}
	if d.atRest || d.at.Sub(w.since) < blockedLimit {
		return nil
	}
	why := d.doing
	if d.paused {
		why = "it is paused"
	}
	return refused("standby is cut off, but where its log ends is not known: replay does not go on (%s)", why)
}

// blocksReplay tells whether a wait of the startup process is for queries, or for time to pass.
func blocksReplay(wait string) bool {
	kind, event, _ := strings.Cut(wait, ":")
	return kind == "Lock" || kind == "BufferPin" || strings.HasPrefix(event, "RecoveryConflict") ||
		event == "RecoveryPause" || event == "RecoveryApplyDelay"
}
