// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

const (
	onlyBeta = `ANY 1 ("beta")`
	either   = `ANY 1 ("beta", "gamma")`
)

// settle applies a synchronous_standby_names and returns its barrier.
func (h *host) settle(t testing.TB, names string) (barrier uint64) {
	t.Helper()
	must(t, "settling", h.trySettle(within(t), names))
	state := h.await(t, "settled", func(o *pluginv1.ObserveResponse) bool { return o.GetSyncSettled() })
	if state.GetSynchronousStandbyNames() != names || state.GetSyncBarrierLsn() == 0 {
		t.Fatalf("settled %s: %v", names, state)
	}
	return state.GetSyncBarrierLsn()
}

func (h *host) trySettle(ctx context.Context, names string) error {
	_, err := h.client().Apply(ctx, &pluginv1.ApplyRequest{Epoch: 1, Members: []string{"beta", "gamma"}, SynchronousStandbyNames: names, Settle: true})
	return err
}

// freeze stops a process of the server until the function it returns is called.
func (h *host) freeze(t testing.TB, query string) (thaw func()) {
	t.Helper()
	pid, err := strconv.Atoi(h.mustSQL(t, query))
	must(t, query, err)
	must(t, "SIGSTOP", syscall.Kill(pid, syscall.SIGSTOP))
	thaw = func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	t.Cleanup(thaw)
	return thaw
}

// whileHeld runs a call that must not end before release was called, which it is once the held state was seen.
func whileHeld(t *testing.T, what string, call func() error, held func() bool, release func()) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- call() }()
	plugintest.Eventually(t, what+" is held", held)
	select {
	case err := <-ended:
		t.Fatalf("%s ended too early: %v", what, err)
	case <-time.After(time.Second):
	}
	release()
	must(t, what, <-ended)
}

// hangs fails the test if a commit is acknowledged that no standby that counts can have.
func hangs(t *testing.T, h *host, statement string) {
	t.Helper()
	l := h.mustDial(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := l.sql(ctx, statement); err == nil || ctx.Err() == nil {
		t.Errorf("%s: %v; it should have waited for a standby", statement, err)
	}
}

// trio makes a primary with two standbys.
func trio(t testing.TB, bin string) (a, b, c *host) {
	t.Helper()
	a, b = pair(t, bin)
	c = newHost(t, bin, "gamma")
	_, err := a.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1, Members: []string{"beta", "gamma"}})
	must(t, "apply", err)
	c.clone(t, a)
	c.start(t, a)
	c.awaitStreaming(t)
	a.mustSQL(t, "CREATE TABLE load (i int)")
	return a, b, c
}

const checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"

// A walsender that has not read the new value yet keeps Apply from ending; past the barrier nobody's commit is acknowledged by
// a standby that the new value does not name.
func TestSettleWaitsForWalsenders(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b, c := trio(t, bin)
		a.settle(t, either)
		var w writers
		w.run(a, 3)
		thawReceiver := b.freeze(t, "SELECT pid FROM pg_stat_wal_receiver")
		before := w.count.Load()
		plugintest.Eventually(t, "gamma alone acknowledges", func() bool { return w.count.Load() > before+20 })
		thawSender := a.freeze(t, "SELECT pid FROM pg_stat_replication WHERE application_name = 'gamma'")
		whileHeld(t, "apply", func() error { return a.trySettle(within(t), onlyBeta) },
			func() bool { return a.mustSQL(t, "SHOW synchronous_standby_names") == onlyBeta }, thawSender)
		barrier := a.await(t, "settled", func(o *pluginv1.ObserveResponse) bool {
			return o.GetSyncSettled() && o.GetSynchronousStandbyNames() == onlyBeta
		}).GetSyncBarrierLsn()
		hangs(t, a, "INSERT INTO load VALUES (2)")
		if acked := w.acked.Load(); acked >= barrier {
			t.Errorf("a commit after %d was acknowledged, the barrier is %d and the only standby that counts is frozen", acked, barrier)
		}
		thawReceiver()
		a.mustSQL(t, "INSERT INTO load VALUES (3)")
		a.stop(t, 0)
		w.wait.Wait()
		b.stop(t, 0)
		c.stop(t, 0)
	})
}

// Where nobody waited before, Apply does not end before the checkpointer has made everybody wait.
func TestSettleWaitsForCheckpointer(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		a.mustSQL(t, "CREATE TABLE load (i int)")
		a.settle(t, "")
		thawReceiver := b.freeze(t, "SELECT pid FROM pg_stat_wal_receiver")
		thaw := a.freeze(t, checkpointer)
		whileHeld(t, "apply", func() error { return a.trySettle(within(t), onlyBeta) }, func() bool {
			a.mustSQL(t, "INSERT INTO load VALUES (1)") // acknowledged by nobody, although the value is there
			return a.mustSQL(t, "SHOW synchronous_standby_names") == onlyBeta
		}, thaw)
		hangs(t, a, "INSERT INTO load VALUES (2)")
		thawReceiver()
		a.mustSQL(t, "INSERT INTO load VALUES (3)")
		a.stop(t, 0)
		b.stop(t, 0)
	})
}

// A standby whose checkpointer does not know the value is not promoted; once it is, the value counts from the first commit.
func TestPromoteWaitsForSettling(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		a.stop(t, 0)
		b.detach(t)
		thaw := b.freeze(t, checkpointer)
		call := func() error {
			return finish(b.client().Promote(within(t), &pluginv1.PromoteRequest{
				Epoch: 1, MinTimeline: 2, Members: []string{"alpha", "gamma"}, SynchronousStandbyNames: `ANY 1 ("alpha", "gamma")`,
			}))
		}
		whileHeld(t, "promotion", call, func() bool {
			return b.mustSQL(t, "SHOW synchronous_standby_names") != "" && b.mustSQL(t, "SELECT pg_is_in_recovery()") == "t"
		}, func() {
			if b.mustSQL(t, "SELECT pg_is_in_recovery()") != "t" {
				t.Error("promoted without a settled value")
			}
			thaw()
		})
		state := b.await(t, "primary", func(o *pluginv1.ObserveResponse) bool { return o.GetRole() == pluginv1.Role_ROLE_PRIMARY })
		if !state.GetSyncSettled() || state.GetSyncBarrierLsn() == 0 {
			t.Errorf("after the promotion: %v", state)
		}
		hangs(t, b, "CREATE TABLE load (i int)")
		b.stop(t, 0)
	})
}

// What is settled is forgotten with the plugin and the server, and when somebody else changes it; settling it again disturbs
// nobody.
func TestSettledIsForgotten(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		settled := func(h *host, want bool) {
			t.Helper()
			h.await(t, "settled: "+strconv.FormatBool(want), func(o *pluginv1.ObserveResponse) bool {
				return o.GetStatus() == pluginv1.Status_STATUS_RUNNING && o.GetRole() != pluginv1.Role_ROLE_UNKNOWN && o.GetSyncSettled() == want
			})
		}
		settled(b, true) // since its start
		first := a.settle(t, onlyBeta)
		const sender = "SELECT pid::text || backend_start::text FROM pg_stat_replication"
		was := a.mustSQL(t, sender)
		if again := a.settle(t, onlyBeta); again != first {
			t.Errorf("barrier went from %d to %d", first, again)
		}
		a.mustSQL(t, "ALTER SYSTEM SET synchronous_standby_names = 'gamma'")
		a.mustSQL(t, "SELECT pg_reload_conf()")
		settled(a, false)
		a.settle(t, onlyBeta)
		if got := a.mustSQL(t, "SELECT count(*) FROM pg_file_settings WHERE name = 'synchronous_standby_names' AND sourcefile LIKE '%auto.conf'"); got != "0" {
			t.Error("ALTER SYSTEM's value is still there")
		}
		a.restart(t)
		settled(a, false)
		a.settle(t, onlyBeta)
		if now := a.mustSQL(t, sender); now != was {
			t.Errorf("walsender %s was replaced by %s", was, now)
		}
		b.restart(t)
		settled(b, false)
		b.stop(t, 10*time.Second)
		b.start(t, a)
		settled(b, true)
		a.stop(t, 0)
		b.stop(t, 0)
	})
}
