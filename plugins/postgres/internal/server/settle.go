// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// senderPatience is how long a walsender may go on without being seen to wait before it is ended. A standby that loses
// its walsender connects again in milliseconds.
const senderPatience = 25 * time.Millisecond

// settle proves that the intended synchronous_standby_names, which the files say already, is in force wherever it is
// decided whether a commit is acknowledged: in the walsenders, which release the waiting commits, and in the
// checkpointer, which keeps the flag that says whether commits wait at all. before is what was proven of the value
// until now; nil when nothing was.
func (s *Server) settle(ctx context.Context, i *instance, before *settlement, changes uint64) error {
	in := source{s}.Intent()
	fresh, _, err := reloaded(ctx, i.c, in)
	if err != nil {
		return err
	}
	defer fresh.Close()
	if fresh.server.PID != i.server.PID || fresh.server.StartTicks != i.server.StartTicks {
		return refused("PostgreSQL was restarted")
	}
	if err := fresh.sendersInformed(ctx, before, in.SyncNames); err != nil {
		return err
	}
	if err := fresh.checkpointerInformed(ctx, before, in.SyncNames); err != nil {
		return err
	}
	return s.settleHere(ctx, fresh, in.SyncNames, changes)
}

// settleHere notes that a value is settled from the position on that the server writes at now.
func (s *Server) settleHere(ctx context.Context, i *instance, names string, changes uint64) error {
	row, err := i.conn.Row(ctx, "SELECT CASE WHEN pg_is_in_recovery() THEN '0/0' ELSE pg_current_wal_insert_lsn() END")
	if err != nil {
		return err
	}
	barrier, err := wal.ParseLSN(row[0])
	if err != nil {
		return err
	}
	k := settlement{names: names, pid: i.server.PID, ticks: i.server.StartTicks, barrier: barrier}
	if !s.noteSettled(k, changes) {
		return refused("synchronous_standby_names was changed meanwhile")
	}
	return nil
}

// sendersInformed waits until no walsender can release a commit by an earlier value. Each one that sends WAL is seen to
// wait in its main loop, or is ended; one that begins to send later reads the settings first.
func (i *instance) sendersInformed(ctx context.Context, before *settlement, names string) error {
	if names == "" || (before != nil && (before.names == "" || conf.Laxer(before.names, names))) {
		return nil
	}
	left, err := i.pids(ctx, "SELECT pid FROM pg_stat_get_wal_senders() WHERE state IN ('catchup', 'streaming', 'stopping')")
	if err != nil {
		return err
	}
	began := map[int]uint64{}
	for _, pid := range left {
		if st, err := proc.Read(pid); err == nil {
			began[pid] = st.StartTicks
		}
	}
	impatient := time.Now().Add(senderPatience)
	return poll(ctx, time.Millisecond/2, func() (bool, error) {
		waits, err := i.waits(ctx, left)
		if err != nil {
			return false, err
		}
		left = slices.DeleteFunc(left, func(pid int) bool { return senderLoop(waits[pid]) || !proc.Same(pid, began[pid]) })
		if len(left) > 0 && time.Now().After(impatient) {
			_, err = i.conn.Query(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_get_wal_senders() WHERE pid = ANY ('{"+join(left)+"}')")
		}
		return len(left) == 0, err
	})
}

// senderLoop tells whether a wait is that of a walsender's main loop.
func senderLoop(wait string) bool {
	return wait == "WalSenderMain" || wait == "WalSenderWaitForWAL" || wait == "WalSenderWaitForWal"
}

// checkpointerInformed waits until the checkpointer has read the settings, and so set the flag that makes commits wait.
// It is set already where it was needed before. The end of a CHECKPOINT would be no proof: the checkpointer may find
// the request between two looks for the signal, and one that is to be done at once does not look on the way.
func (i *instance) checkpointerInformed(ctx context.Context, before *settlement, names string) error {
	if names == "" || (before != nil && before.names != "") {
		return nil
	}
	return poll(ctx, time.Millisecond/2, func() (bool, error) {
		pid, err := i.pids(ctx, "SELECT pid FROM pg_stat_get_activity(NULL) WHERE backend_type = 'checkpointer'")
		if err != nil || len(pid) != 1 {
			return false, err
		}
		waits, err := i.waits(ctx, pid)
		return waits[pid[0]] == "CheckpointerMain" || waits[pid[0]] == "CheckpointWriteDelay", err
	})
}
