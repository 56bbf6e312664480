// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// A standby that received more than the winner, but had not replayed it, is rewound too: its log would
// lead it astray at the next start.
func TestUnreplayedLogIsUndone(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		c := newHost(t, bin, "gamma")
		a.mustSQL(t, "CREATE TABLE load (i int)")
		_, err := a.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1, Members: []string{"beta", "gamma"}})
		must(t, "apply", err)
		c.clone(t, a)
		c.start(t, a)
		c.awaitStreaming(t)
		c.mustSQL(t, "SELECT pg_wal_replay_pause()")
		b.detach(t)
		for range 20 {
			a.mustSQL(t, "INSERT INTO load VALUES (1)")
		}
		flushed, err := wal.ParseLSN(a.mustSQL(t, "SELECT pg_current_wal_flush_lsn()"))
		must(t, "position", err)
		end := uint64(flushed)
		c.await(t, "received but not replayed", func(o *pluginv1.ObserveResponse) bool {
			return o.GetReceivedLsn() >= end && o.GetReplayedLsn() < end && o.GetReplayPaused()
		})
		a.stop(t, 0)
		c.stop(t, 10*time.Second)
		b.promote(t, 2, "gamma")
		must(t, "rewind", c.rewind(t, b))
		c.start(t, b)
		c.awaitStreaming(t)
		if got := c.mustSQL(t, "SELECT count(*) FROM load"); got != "0" {
			t.Errorf("%s rows of the losing side are left", got)
		}
		c.stop(t, 10*time.Second)
		b.stop(t, 10*time.Second)
	})
}
