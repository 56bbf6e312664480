// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure a first member makes the cluster: data first, deadman before it opens, then the records.
func TestBirth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		began := time.Now()
		n.primary()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("birth took %s", took)
		}
		want := []core.ActionKind{core.ActBootstrap, core.ActStart, core.ActPromote, core.ActApply}
		if diff := cmp.Diff(want, n.pg.did()); diff != "" {
			t.Errorf("actions (-want +got):\n%s", diff)
		}
		if got := record[core.Identity](n.dcs, core.KeyIdentity).SystemID; got != 7001 {
			t.Errorf("identity %d", got)
		}
		if h := record[core.History](n.dcs, core.KeyOfHistory(1)); h.Leader != "a" || h.Timeline != 2 {
			t.Errorf("history %+v", h)
		}
		s := n.Snapshot()
		if want := s.Hold.Deadline.Add(-n.Policy.DeadmanMargin()); s.Deadman.ArmedUntil != want {
			t.Errorf("deadman armed until %d, want %d", s.Deadman.ArmedUntil, want)
		}
		if n.dog.held() != s.Hold.Deadline {
			t.Errorf("watchdog held until %d, want %d", n.dog.held(), s.Hold.Deadline)
		}
		await(t, "router told", time.Second, func() bool {
			r := n.router.told()
			return r.Primary != nil && r.Primary.Name == "a" && r.OwnRole == core.RolePrimary
		})
	})
}

// Ensure a primary renews four times in a TTL, and is idle otherwise.
func TestSteadyState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		pass(time.Second)
		renewals, ticks := len(n.dcs.sentTo(core.KeyLeader)), n.Snapshot().Tick
		pass(30 * time.Second)
		if got := len(n.dcs.sentTo(core.KeyLeader)) - renewals; got < 39 || got > 41 {
			t.Errorf("%d renewals in 10 TTL, want 40", got)
		}
		if got := n.Snapshot().Tick - ticks; got > 130 {
			t.Errorf("%d ticks in 30 s", got)
		}
		for _, c := range n.dcs.sentTo(core.KeyLeader) {
			if c.answer.Outcome != core.OutcomeDone {
				t.Errorf("a renewal ended with %+v", c.answer)
			}
		}
		if look(&n.dcs.mu, &n.dcs.crowd) != 1 {
			t.Errorf("%d commits of one key at a time", look(&n.dcs.mu, &n.dcs.crowd))
		}
	})
}

// Ensure that without the DCS the primary is dead at the fence's instant, before its deadline, and comes back
// when the DCS does.
func TestDCSOutage(t *testing.T) {
	for name, fault := range map[string]fault{"hangs": hangs, "fails at once": down} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { outage(t, fault) })
		})
	}
}

func outage(t *testing.T, f fault) {
	n := newNode(t, "a", newRegister())
	n.start()
	n.primary()
	n.dcs.set(func(r *register) { r.fault = f })
	pass(time.Millisecond)
	ticks := n.Snapshot().Tick
	await(t, "death", 4*time.Second, func() bool { pg, _ := n.pg.state(); return pg.Status == core.StatusCrashed })
	hold := n.Snapshot().Hold
	if n.journal.count("rule=F-010") != 1 {
		t.Errorf("rule %s", n.rule())
	}
	due := hold.Deadline.Add(-n.Policy.FenceMargin())
	if late := look(&n.pg.mu, &n.pg.killedAt).Sub(due); late < 0 || late > 5*core.Millisecond {
		t.Errorf("killed %s after the fence was due", late)
	}
	if look(&n.pg.mu, &n.pg.killedAt) >= hold.Deadline {
		t.Errorf("killed %s after the deadline", look(&n.pg.mu, &n.pg.killedAt).Sub(hold.Deadline))
	}
	pass(10 * time.Second)
	if got := n.Snapshot().Tick - ticks; got > 13*40 {
		t.Errorf("%d ticks in 13 s without a DCS", got)
	}
	n.dcs.set(func(r *register) { r.fault = works })
	n.primary()
	if e := record[core.Leader](n.dcs, core.KeyLeader).Epoch; e != 2 {
		t.Errorf("epoch %d after the outage, want 2", e)
	}
}

// Ensure an outage that is shorter than the lease goes unnoticed.
func TestShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		pg, _ := n.pg.state()
		n.dcs.set(func(r *register) { r.fault = hangs })
		pass(1400 * time.Millisecond)
		n.dcs.set(func(r *register) { r.fault = works })
		pass(10 * time.Second)
		if now, _ := n.pg.state(); now.PostmasterPID != pg.PostmasterPID || now.Role != core.RolePrimary {
			t.Errorf("PostgreSQL is %+v after a short outage", now)
		}
		if e := record[core.Leader](n.dcs, core.KeyLeader).Epoch; e != 1 {
			t.Errorf("epoch %d, want 1", e)
		}
	})
}

// Ensure writes whose answers are lost are found by reading.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		n.dcs.set(func(r *register) { r.fault = loses })
		pass(30 * time.Second)
		if look(&n.pg.mu, &n.pg.killedIn) != 0 || n.rule() != "P-100" {
			t.Errorf("killed %d times, rule %s", n.pg.killedIn, n.rule())
		}
	})
}

// Ensure a new process resumes the leadership, and PostgreSQL does not notice.
func TestRestartResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		done := len(n.pg.did())
		if err := n.crash(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if pg, _ := n.pg.state(); pg.Role != core.RolePrimary || pg.Status != core.StatusRunning {
			t.Errorf("left %+v", pg)
		}
		if look(&n.pg.mu, &n.pg.armed) == 0 {
			t.Error("the deadman was taken off a primary that nobody watches")
		}
		pass(time.Second)
		n.renew()
		n.start()
		n.primary()
		pass(10 * time.Second)
		if e := record[core.Leader](n.dcs, core.KeyLeader).Epoch; e != 1 || look(&n.pg.mu, &n.pg.killedIn) != 0 {
			t.Errorf("epoch %d, killed %d times", e, look(&n.pg.mu, &n.pg.killedIn))
		}
		if again := n.pg.did()[done:]; slices.ContainsFunc(again, func(k core.ActionKind) bool { return k != core.ActApply }) {
			t.Errorf("the new process did %v", again)
		}
		if n.journal.count(`"leadership resumed" epoch=1`) != 1 {
			t.Error("log does not say that the leadership was resumed")
		}
	})
}

// Ensure a restart over a hung DCS does not extend the leadership.
func TestRestartDoesNotExtend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		n.dcs.set(func(r *register) { r.fault = hangs })
		n.restart()
		await(t, "first tick", time.Second, func() bool { return n.Snapshot() != nil })
		deadline := n.Store.Durable.Hold.Deadline
		await(t, "death", 4*time.Second, func() bool { pg, _ := n.pg.state(); return pg.Status == core.StatusCrashed })
		if deadline == 0 || look(&n.pg.mu, &n.pg.killedAt) >= deadline {
			t.Errorf("killed at %d, deadline %d", n.pg.killedAt, deadline)
		}
	})
}

// Ensure Stop shuts PostgreSQL down, gives the leadership up with the end of the WAL, and ends Run without an error.
func TestStopHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		n.Stop()
		if err := <-n.ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		n.ended <- nil
		l := record[core.Leader](n.dcs, core.KeyLeader)
		if !l.Released || !l.FinalLSN || l.LSN != 100 {
			t.Errorf("leader record %+v", l)
		}
		if pg, _ := n.pg.state(); pg.Status != core.StatusStopped {
			t.Errorf("PostgreSQL is %s", pg.Status)
		}
		if n.dog.held() != 0 {
			t.Error("the watchdog is still held")
		}
		for _, news := range []string{`"leadership taken" epoch=1 rule=V-140`, `"leadership given up" epoch=1`} {
			if n.journal.count(news) != 1 {
				t.Errorf("log says %d times %s", n.journal.count(news), news)
			}
		}
	})
}

// Ensure a stop that the plugin refuses at once is tried again at a bearable rate, and Stop ends when it works.
func TestStopRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		before := len(n.pg.did())
		n.pg.change(func(s *server) {
			s.script[core.ActStop] = func(context.Context, func(core.Job)) core.Finished {
				return core.Finished{Outcome: core.OutcomeRefused, Message: "plugin is down"}
			}
		})
		n.Stop()
		pass(5 * time.Second)
		if tries := len(n.pg.did()) - before; tries < 2 || tries > 55 {
			t.Errorf("%d tries in 5 s", tries)
		}
		n.pg.change(func(s *server) { delete(s.script, core.ActStop) })
		if err := <-n.ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		n.ended <- nil
	})
}

// Ensure a name that another installation keeps writing is refused.
func TestDuplicateRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		other := core.Member{Name: "a", Instance: "another", Token: "another", API: "b:8008"}
		n.dcs.put(core.KeyMember("a"), other)
		n.start()
		pass(time.Second)
		other.Beat++
		n.dcs.put(core.KeyMember("a"), other)
		err := <-n.ended
		if n.ended <- err; !errors.Is(err, ErrRefused) {
			t.Errorf("Run returned %v", err)
		}
		if look(&n.pg.mu, &n.pg.killedIn) != 0 || len(n.pg.did()) != 0 {
			t.Error("a duplicate acted")
		}
	})
}

// Ensure a router that hangs or fails keeps nobody waiting.
func TestDeadRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.router.hang = true
		n.start()
		n.primary()
		pass(20 * time.Second)
		if n.rule() != "P-100" || n.journal.count("router not told") == 0 {
			t.Errorf("rule %s, warnings %d", n.rule(), n.journal.count("router not told"))
		}
	})
}

// Ensure routers know that PostgreSQL here is no primary any more before it is stopped; not even one that hangs keeps it from
// being stopped.
func TestDemotion(t *testing.T) {
	for _, hang := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t, "a", newRegister())
			n.start()
			n.primary()
			if r := n.router.told(); r.OwnRole != core.RolePrimary || r.Primary == nil {
				t.Fatalf("the primary's routes are %+v", r)
			}
			n.router.hangs(hang)
			var told core.Routes
			n.pg.change(func(s *server) {
				s.script[core.ActStop] = func(context.Context, func(core.Job)) core.Finished {
					told = n.router.told()
					s.change(func(s *server) { s.act(core.Action{Kind: core.ActStop}) })
					return core.Finished{Outcome: core.OutcomeDone, At: s.clock()}
				}
			})
			asked := time.Now()
			n.Stop()
			err := <-n.ended
			n.ended <- err
			if told.OwnRole != core.RoleUnknown || told.Primary != nil {
				t.Errorf("told before the stop: %+v", told)
			}
			if took := time.Since(asked); took > 2*time.Second {
				t.Errorf("stopped after %s", took)
			}
		})
	}
}

// Ensure poolers are asked to hold clients back, what they say is reported, and they let go only when the routes are in force.
func TestPoolers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.router.pools = true
		routes := core.Routes{Epoch: 2, Primary: &core.Endpoint{Peer: core.Peer{Name: "b"}}}
		n.execute(t.Context(), core.Action{Kind: core.ActHoldBack, Epoch: 1, Operation: "op"})
		n.lanes.wait()
		if p := n.observation().Poolers; p.Held != "op" || p.Stuck != "" {
			t.Errorf("held back: %+v", p)
		}
		n.execute(t.Context(), core.Action{Kind: core.ActLetGo, Epoch: 2, Routes: &routes})
		n.lanes.wait()
		if diff := cmp.Diff([]string{"pause", "resume with primary b"}, n.router.asked); diff != "" || n.observation().Poolers.Held != "" {
			t.Errorf("let go: %+v %s", n.observation().Poolers, diff)
		}
		n.router.stuck = errors.New("a transaction runs on")
		n.execute(t.Context(), core.Action{Kind: core.ActHoldBack, Epoch: 2, Operation: "op2"})
		n.lanes.wait()
		if p := n.observation().Poolers; p.Held != "op2" || p.Stuck != "router: a transaction runs on" {
			t.Errorf("stuck: %+v", p)
		}
	})
}

// Ensure settings are brought in force again when that is asked for, once.
func TestReapply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.start()
		n.primary()
		pass(time.Second)
		before := len(n.pg.did())
		n.Reapply()
		pass(5 * time.Second)
		if diff := cmp.Diff([]core.ActionKind{core.ActApply}, n.pg.did()[before:]); diff != "" {
			t.Error(diff)
		}
	})
}
