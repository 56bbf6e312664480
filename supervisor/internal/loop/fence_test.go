// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure a fence that is done is reported with what it proves, and nothing it does not.
func TestFenceReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.observed(t.Context(), core.Postgres{
			Status: core.StatusRunning, Role: core.RolePrimary, PostmasterPID: 7, SystemID: 1, LSN: 500, Timeline: 2,
			Senders: []core.Sender{{Member: "b"}},
		})
		n.fence(t.Context())
		n.lanes.wait()
		pg := n.observation().Postgres
		if pg.Status != core.StatusCrashed || !pg.Empty || pg.LSN != 0 || pg.PostmasterPID != 0 || pg.Senders != nil {
			t.Errorf("report %+v", pg)
		}
		if pg.Role != core.RolePrimary || pg.SystemID != 1 || pg.Timeline != 2 || pg.At != n.clock() {
			t.Errorf("report %+v", pg)
		}
	})
}

// Ensure a report that was sampled before the fence does not bring PostgreSQL back to life; a later one counts.
func TestReportFromBeforeTheFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		before := n.clock()
		n.fence(t.Context())
		n.lanes.wait()
		n.observed(t.Context(), core.Postgres{At: before, Status: core.StatusRunning, Role: core.RolePrimary, PostmasterPID: 7})
		if pg := n.observation().Postgres; pg.Status != core.StatusCrashed {
			t.Errorf("report %+v", pg)
		}
		n.observed(t.Context(), core.Postgres{At: n.clock().Add(core.Second), Status: core.StatusRunning, PostmasterPID: 8})
		if pg := n.observation().Postgres; pg.PostmasterPID != 8 || pg.At != n.clock() {
			t.Errorf("report %+v", pg)
		}
	})
}

// Ensure the loop goes on asking for a fence that fails, at a bearable rate, and does not take PostgreSQL for dead.
func TestFenceRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		n.pg.change(func(s *server) { s.fenceErr = errors.New("a process does not die") })
		n.dcs.set(func(r *register) { r.fault = hangs })
		await(t, "first attempt", 4*time.Second, func() bool { return n.journal.count("fencing failed") > 0 })
		first := n.journal.count("fencing failed")
		pass(2 * time.Second)
		if tries := n.journal.count("fencing failed") - first; tries < 15 || tries > 20 {
			t.Errorf("%d tries in 2 s", tries)
		}
		if s := n.Snapshot(); s.Postgres.Status != core.StatusRunning {
			t.Errorf("shown as %s", s.Postgres.Status)
		}
		n.pg.change(func(s *server) { s.fenceErr = nil })
		await(t, "death", time.Second, func() bool { pg, _ := n.pg.state(); return pg.Status == core.StatusCrashed })
	})
}

// Ensure a fence that has begun is finished although the daemon ends.
func TestFenceOutlivesContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.pg.fenceTakes = time.Second
		ctx, cancel := context.WithCancel(t.Context())
		n.fence(ctx)
		cancel()
		n.lanes.wait()
		if pg, _ := n.pg.state(); pg.Status != core.StatusCrashed {
			t.Errorf("PostgreSQL is %q", pg.Status)
		}
	})
}

// Ensure a fence gives up in time to be begun anew.
func TestFenceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.pg.fenceTakes = time.Hour
		n.fence(t.Context())
		began := time.Now()
		n.lanes.wait()
		if took := time.Since(began); took > fenceTimeout+retryPause || n.journal.count("fencing failed") != 1 {
			t.Errorf("took %s, %d failures", took, n.journal.count("fencing failed"))
		}
	})
}

func running(pid int) core.Postgres {
	return core.Postgres{Status: core.StatusRunning, Role: core.RoleStandby, PostmasterPID: pid, Launched: true}
}

// Ensure the launcher is asked how it is when PostgreSQL is another one, and only then.
func TestDeadmanProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		asked := 0
		n.pg.armed, n.pg.ask = 42, func() { asked++ }
		for _, pid := range []int{7, 7, 8, 8} {
			n.observed(t.Context(), running(pid))
			n.lanes.wait()
			if d := n.observation().Deadman; d != (core.Deadman{Present: true, ArmedUntil: 42}) {
				t.Errorf("deadman %+v", d)
			}
		}
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
		n.pg.askErr = errors.New("no launcher")
		n.observed(t.Context(), running(9))
		if d := n.observation().Deadman; d != (core.Deadman{}) {
			t.Errorf("the new PostgreSQL is taken for armed: %+v", d)
		}
		n.lanes.wait()
		if d := n.observation().Deadman; d != (core.Deadman{}) {
			t.Errorf("deadman %+v of a launcher that does not answer", d)
		}
	})
}

// Ensure what one launcher said is not taken for the word of the next one.
func TestAnswerOfAnotherLauncher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.pg.armed = 42
		n.pg.ask = func() {
			n.pg.ask = nil
			n.pg.armed = 0
			n.observed(t.Context(), running(8)) // while the old one's answer is on its way
		}
		n.observed(t.Context(), running(7))
		n.lanes.wait()
		if d := n.observation().Deadman; d != (core.Deadman{Present: true}) {
			t.Errorf("deadman %+v, want the new launcher's", d)
		}
	})
}

// Ensure only what the launcher confirms is reported as armed.
func TestArm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.observed(t.Context(), running(7))
		n.lanes.wait()
		n.setDeadman(t.Context(), core.Action{Kind: core.ActArm, Until: 99})
		n.lanes.wait()
		if d := n.observation().Deadman; d.ArmedUntil != 99 {
			t.Errorf("deadman %+v", d)
		}
		n.pg.armErr = errors.New("refused")
		n.setDeadman(t.Context(), core.Action{Kind: core.ActArm, Until: 100})
		n.lanes.wait()
		if d := n.observation().Deadman; d.ArmedUntil != 99 {
			t.Errorf("deadman %+v after a refusal", d)
		}
		n.pg.armErr = nil
		n.setDeadman(t.Context(), core.Action{Kind: core.ActDisarm})
		n.lanes.wait()
		if d := n.observation().Deadman; d != (core.Deadman{Present: true}) {
			t.Errorf("deadman %+v after disarming", d)
		}
	})
}

// Ensure PostgreSQL is not opened while the deadman cannot be armed.
func TestNoPromotionUnarmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.pg.armErr = errors.New("refused")
		n.start()
		pass(20 * time.Second)
		if n.rule() != "P-180" {
			t.Errorf("rule %s", n.rule())
		}
		if got := n.journal.count("deadman not set"); got > 20*11 {
			t.Errorf("%d tries in 20 s", got)
		}
		n.pg.change(func(s *server) { s.armErr = nil })
		n.primary()
	})
}
