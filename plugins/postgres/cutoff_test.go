// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// A standby that is cut off while it receives, on a new timeline, what it has replayed from the one before can be promoted,
// whether it was detached first or not.
func TestPromoteCutOff(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		t.Run("detached", func(t *testing.T) { promoteCutOff(t, bin, true) })
		t.Run("at once", func(t *testing.T) { promoteCutOff(t, bin, false) })
	})
}

func promoteCutOff(t *testing.T, bin string, detached bool) {
	a, b := pair(t, bin)
	a.mustSQL(t, "SELECT pg_switch_wal()")
	a.mustSQL(t, "CREATE TABLE big AS SELECT md5(i::text) FROM generate_series(1, 100000) i") // most of a segment
	end := a.mustSQL(t, "SELECT pg_current_wal_insert_lsn()")
	segment := a.mustSQL(t, "SELECT substr(pg_walfile_name('"+end+"'), 9)")
	a.stop(t, plugintest.Patience)
	a.start(t, nil)
	b.awaitStreaming(t)
	plugintest.Eventually(t, "replayed", func() bool {
		return b.mustSQL(t, "SELECT pg_last_wal_replay_lsn() >= '"+end+"'") == "t"
	})
	sender, err := strconv.Atoi(a.mustSQL(t, "SELECT pid FROM pg_stat_replication"))
	must(t, "walsender", err)
	next := filepath.Join(b.dataDir(), "pg_wal", "00000003"+segment)
	stopped := make(chan error, 1)
	go func() {
		for t.Context().Err() == nil {
			if _, err := os.Stat(next); err == nil {
				break
			}
		}
		stopped <- syscall.Kill(sender, syscall.SIGSTOP)
	}()
	a.promote(t, 2)
	must(t, "SIGSTOP", <-stopped)
	if got := b.mustSQL(t, "SELECT pg_last_wal_receive_lsn() < pg_last_wal_replay_lsn()"); got != "t" {
		t.Fatal("all was received before the walsender could be stopped")
	}
	if detached {
		b.detach(t)
	}
	a.killAll(t)
	b.promote(t, 3)
	if rows := b.mustSQL(t, "SELECT count(*) FROM big"); rows != "100000" {
		t.Errorf("%s rows", rows)
	}
	b.stop(t, plugintest.Patience)
}
