// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// hammer detaches a standby again and again, at moments that are bad for it: while a primary writes and archives,
// somebody reloads all the time, and another standby streams from it.
type hammer struct {
	a, b, c *host
	archive string
	rand    *rand.Rand
	writes  writers
}

// However and whenever a standby is detached: from the answer on not a byte more arrives, by stream or from the archive,
// and a restart of PostgreSQL or of the plugin changes nothing about it.
func TestDetachHammered(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHammer(t, bin)
		stop := h.reloads(t)
		ways := []func(*testing.T){h.streaming, h.starting, h.catchingUp, h.starting, h.restarted, h.starting, h.streaming, h.recovering, h.starting}
		const rounds = 54
		for n := range rounds {
			ways[n%len(ways)](t)
			at := h.b.detach(t)
			h.stays(t, at.GetLsn())
			switch n % 9 {
			case 2:
				h.b.restart(t)
				h.stays(t, at.GetLsn())
			case 4:
				h.staysOverStop(t, at, time.Duration(n%2)*10*time.Second)
			}
			if t.Failed() {
				t.Fatalf("round %d", n)
			}
		}
		stop()
		h.a.stop(t, 0)
		h.writes.wait.Wait()
		h.c.stop(t, 0)
		h.b.stop(t, 0)
	})
}

func newHammer(t *testing.T, bin string) *hammer {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := &hammer{archive: plugintest.Dir(t), rand: rand.New(rand.NewPCG(seed, 1))}
	must(t, "archive", osAccount(t).Own(h.archive))
	h.a, h.b, h.c = newHost(t, bin, "alpha"), newHost(t, bin, "beta"), newHost(t, bin, "gamma")
	h.a.body["archive_command"] = "cp %p " + h.archive + "/.%f && mv " + h.archive + "/.%f " + h.archive + "/%f"
	h.b.body["restore_command"] = "cp " + h.archive + "/%f %p"
	h.a.set(t, "archive_mode", "on")
	h.b.configure(t)
	h.a.primary(t, "beta")
	h.b.clone(t, h.a)
	h.b.start(t, h.a)
	h.b.awaitStreaming(t)
	_, err := h.b.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1, Members: []string{"gamma"}})
	must(t, "slot of the cascading standby", err)
	h.c.clone(t, h.b)
	h.c.start(t, h.b)
	h.a.mustSQL(t, "CREATE TABLE load (i int)")
	h.writes.run(h.a, 1)
	return h
}

// reloads calls pg_reload_conf on the standby until stop is called, whatever becomes of the server.
func (h *hammer) reloads(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		var l *line
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			var err error
			if l == nil {
				l, err = h.b.dial(ctx)
			} else {
				_, err = l.sql(ctx, "SELECT pg_reload_conf()")
			}
			if err != nil {
				l = nil
			}
			<-tick.C
		}
		if l != nil {
			_ = l.conn.Close(context.Background())
		}
	})
	stop = func() { cancel(); wait.Wait() }
	t.Cleanup(stop)
	return stop
}

// moment waits for less than that.
func (h *hammer) moment(most time.Duration) {
	<-time.After(rand.N(most))
}

func (h *hammer) streaming(t *testing.T) {
	h.b.follow(t, h.a)
	h.b.awaitStreaming(t)
	h.moment(20 * time.Millisecond)
}

func (h *hammer) starting(t *testing.T) {
	h.b.follow(t, h.a)
	h.moment(30 * time.Millisecond)
}

// catchingUp: segments that the standby does not have are in the archive, and the primary sends more.
func (h *hammer) catchingUp(t *testing.T) {
	h.a.mustSQL(t, "INSERT INTO load SELECT generate_series(1, 20000)")
	h.a.mustSQL(t, "SELECT pg_switch_wal()")
	plugintest.Eventually(t, "segments are archived", func() bool {
		return h.a.mustSQL(t, "SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 16777217) FROM pg_stat_archiver") == "t"
	})
	h.b.follow(t, h.a)
	h.moment(60 * time.Millisecond)
}

func (h *hammer) restarted(t *testing.T) {
	h.b.stop(t, 10*time.Second)
	h.b.start(t, h.a)
	h.moment(30 * time.Millisecond)
}

// recovering: a crashed standby with much to replay.
func (h *hammer) recovering(t *testing.T) {
	h.streaming(t)
	h.a.mustSQL(t, "INSERT INTO load SELECT generate_series(1, 30000)")
	h.b.stop(t, 0)
	h.b.start(t, nil)
}

// stays looks whether more arrives.
func (h *hammer) stays(t *testing.T, at uint64) {
	t.Helper()
	written := h.writes.count.Load()
	l := h.b.mustDial(t)
	until := time.Now().Add(100 * time.Millisecond)
	for time.Now().Before(until) || h.writes.count.Load() < written+3 {
		got := l.mustSQL(t, "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())")
		if lsn, err := wal.ParseLSN(got); err != nil || uint64(lsn) > at {
			t.Fatalf("detached at %s, then %s came", wal.LSN(at), got)
		}
		if got := l.mustSQL(t, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walreceiver'"); got != "0" {
			t.Fatalf("detached, then there is a receiver")
		}
	}
	if _, err := os.Stat(filepath.Join(h.b.dataDir(), "pg_wal", "RECOVERYXLOG")); err == nil {
		t.Fatal("detached, then something was fetched from the archive")
	}
}

// staysOverStop: what lies on the disk ends there as well, and is all that a restarted server finds.
func (h *hammer) staysOverStop(t *testing.T, at *pluginv1.DetachResponse, patience time.Duration) {
	t.Helper()
	h.b.stop(t, patience)
	state := h.b.await(t, "stopped with a known end", func(o *pluginv1.ObserveResponse) bool { return o.GetPostmasterPid() == 0 && o.GetLsn() != 0 })
	if state.GetLsn() > at.GetLsn() {
		t.Fatalf("detached at %s, log on disk ends at %s", wal.LSN(at.GetLsn()), wal.LSN(state.GetLsn()))
	}
	h.b.start(t, nil)
	again := h.b.detach(t)
	if again.GetLsn() > at.GetLsn() || again.GetLsn() < state.GetLsn() || again.GetTimeline() != at.GetTimeline() {
		t.Fatalf("detached at %v, after a restart at %v", at, again)
	}
	h.stays(t, again.GetLsn())
}
