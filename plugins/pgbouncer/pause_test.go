// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (r *router) pause(t testing.TB, epoch uint64, wait, hold time.Duration) error {
	t.Helper()
	_, err := r.Pause(within(t), &pluginv1.PauseRequest{Epoch: epoch, WaitNs: int64(wait), HoldNs: int64(hold)})
	return err
}

func (r *router) mustPause(t testing.TB, epoch uint64, wait, hold time.Duration) {
	t.Helper()
	if err := r.pause(t, epoch, wait, hold); err != nil {
		t.Fatalf("pause: %v", err)
	}
}

func (r *router) mustResume(t testing.TB, epoch uint64) {
	t.Helper()
	if _, err := r.Resume(within(t), &pluginv1.ResumeRequest{Epoch: epoch}); err != nil {
		t.Fatalf("resume: %v", err)
	}
}

// pooled is a PostgreSQL behind a PgBouncer behind the plugin, led to it.
type pooled struct {
	pg   *postgres
	b    *bouncer
	r    *router
	file string
}

func newPooled(t testing.TB, program string, lines ...string) *pooled {
	t.Helper()
	p := &pooled{pg: newPostgres(t), file: emptyFile(t)}
	p.b = newBouncer(t, program, p.file, lines...)
	p.r = newRouter(t, map[string]any{"consoles": []string{p.b.console("pgvigil")}, "databases_file": databases(p.file)})
	if err := p.r.lead(t, 1, p.pg.endpoint("a")); err != nil {
		t.Fatal(err)
	}
	return p
}

// query is a statement under way.
type query chan error

// ask sends a statement through a PgBouncer and waits until it is held back there.
func (b *bouncer) ask(t testing.TB) query {
	t.Helper()
	q, conn, ctx := make(query, 1), dial(t, b.port, "app"), within(t)
	go func() {
		_, err := tryExec(ctx, conn, "SELECT 1")
		q <- err
	}()
	plugintest.Eventually(t, "the statement is held back", func() bool { return b.waiting(t) == 1 })
	return q
}

// answer waits until the statement has gone through.
func (q query) answer(t testing.TB) {
	t.Helper()
	if err := <-q; err != nil {
		t.Errorf("statement that was held back: %v", err)
	}
}

// warm makes sure that PgBouncer knows PostgreSQL, so that clients can connect while it is paused.
func (p *pooled) warm(t testing.TB) { exec1(t, dial(t, p.b.port, "app"), "SELECT 1") }

func TestHoldEndsByItself(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program)
		p.warm(t)
		p.r.mustPause(t, 1, plugintest.Patience, time.Second)
		p.b.ask(t).answer(t)
		p.r.mustResume(t, 1)
	})
}

// TestWaitEnds: a transaction that stays open is named, and nothing remains paused.
func TestWaitEnds(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		for _, list := range [][]string{nil, {"app", "app-reports.1"}} {
			p := newPooled(t, program)
			p.r.body["databases"] = list
			if list == nil {
				delete(p.r.body, "databases")
			}
			p.restart(t)
			long := dial(t, p.b.port, "app")
			exec1(t, long, "BEGIN")
			err := p.r.pause(t, 1, 300*time.Millisecond, plugintest.Patience)
			want := `console "` + p.b.console("pgvigil") + `": database "app", user "app": 1 in use in pool_mode transaction`
			if status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), want) {
				t.Errorf("pause with an open transaction: got %v, want DEADLINE_EXCEEDED with %s", err, want)
			}
			exec1(t, dial(t, p.b.port, "app"), "SELECT 1")
			exec1(t, long, "COMMIT")
			p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
			q := p.b.ask(t)
			p.r.mustResume(t, 1)
			q.answer(t)
		}
	})
}

// restart kills the plugin and starts another.
func (p *pooled) restart(t testing.TB) {
	t.Helper()
	p.r.process.Kill(t)
	p.r.start(t)
}

// TestKilledWhilePaused: nobody resumes while the plugin is gone; the next one does when the time is up.
func TestKilledWhilePaused(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program)
		p.warm(t)
		const wait, hold = 2 * time.Second, 500 * time.Millisecond
		p.r.mustPause(t, 1, wait, hold)
		over := time.Now().Add(wait + hold)
		p.r.process.Kill(t)
		q := p.b.ask(t)
		plugintest.Eventually(t, "the pause should be over", func() bool { return time.Now().After(over) })
		if got := p.b.waiting(t); got != 1 {
			t.Errorf("%d clients wait, want 1: somebody has resumed", got)
		}
		p.r.start(t)
		q.answer(t)

		// Killed and started again within the hold, it keeps the pause until it is told.
		p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		q = p.b.ask(t)
		p.restart(t)
		if got := p.b.waiting(t); got != 1 {
			t.Errorf("%d clients wait, want 1: the pause was ended early", got)
		}
		p.r.mustResume(t, 1)
		q.answer(t)
	})
}

// TestStopResumes: a plugin that is stopped leaves nothing paused.
func TestStopResumes(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program)
		p.warm(t)
		p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		q := p.b.ask(t)
		if _, err := p.r.base.Stop(within(t), &pluginv1.StopRequest{}); err != nil {
			t.Fatal(err)
		}
		q.answer(t)
	})
}

// TestResumeEndsAPauseUnderWay: Resume does not wait for a Pause that waits.
func TestResumeEndsAPauseUnderWay(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program)
		p.r.body["databases"] = []string{"app"} // whose pause can be seen in every version
		p.restart(t)
		long := dial(t, p.b.port, "app")
		exec1(t, long, "BEGIN")
		ended := make(chan error, 1)
		go func() { ended <- p.r.pause(t, 1, plugintest.Patience, plugintest.Patience) }()
		plugintest.Eventually(t, "the pause has begun", func() bool { return strings.Contains(effect(t, p.b), "paused 1") })
		q := p.b.ask(t)
		p.r.mustResume(t, 1)
		q.answer(t)
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("pause: got %v, want CANCELED", err)
		}
	})
}

// TestPgBouncerRestartsWhilePaused: a new process knows of no pause, and Resume takes that for done.
func TestPgBouncerRestartsWhilePaused(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program)
		p.warm(t)
		p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		p.b.server.stop(t, syscall.SIGKILL)
		p.r.mustResume(t, 1)
		p.r.mustResume(t, 1)
		p.b.start(t)
		p.warm(t)

		p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		p.b.server.stop(t, syscall.SIGKILL)
		p.b.start(t)
		p.warm(t)
		p.r.mustResume(t, 1)
	})
}

// TestPgBouncerHangsWhilePaused: what is asked in vain does not end the pause; ending it is tried until it works.
func TestPgBouncerHangsWhilePaused(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		p := newPooled(t, program)
		p.warm(t)
		p.r.mustPause(t, 1, plugintest.Patience, plugintest.Patience)
		q := p.b.ask(t)
		p.b.signal(t, syscall.SIGSTOP)
		if healthy, message := p.r.health(t); healthy || !strings.Contains(message, "no answer in time") {
			t.Errorf("health while PgBouncer hangs: %v, %s", healthy, message)
		}
		if err := p.r.lead(t, 1, p.pg.endpoint("a")); status.Code(err) != codes.Unavailable {
			t.Errorf("apply while PgBouncer hangs: got %v, want UNAVAILABLE", err)
		}
		p.b.signal(t, syscall.SIGCONT)
		plugintest.Eventually(t, "well again", func() bool { healthy, _ := p.r.health(t); return healthy })
		if got := p.b.waiting(t); got != 1 {
			t.Errorf("%d clients wait, want 1: the pause was ended", got)
		}

		p.b.signal(t, syscall.SIGSTOP)
		if _, err := p.r.Resume(within(t), &pluginv1.ResumeRequest{Epoch: 1}); status.Code(err) != codes.Unavailable {
			t.Errorf("resume while PgBouncer hangs: got %v, want UNAVAILABLE", err)
		}
		p.b.signal(t, syscall.SIGCONT)
		q.answer(t)
	})
}

func (b *bouncer) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := b.server.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// TestPausedBySomebodyElse: an operator's pause is not touched.
func TestPausedBySomebodyElse(t *testing.T) {
	eachVersion(t, func(t *testing.T, program string) {
		for _, list := range [][]string{nil, {"app"}} {
			p := newPooled(t, program)
			p.warm(t)
			pause, resume := "PAUSE", "RESUME"
			if list != nil {
				p.r.body["databases"], pause, resume = list, "PAUSE app", "RESUME app"
				p.restart(t)
			}
			p.b.show(t, pause)
			if err := p.r.pause(t, 1, plugintest.Patience, plugintest.Patience); status.Code(err) != codes.FailedPrecondition ||
				!strings.Contains(err.Error(), "somebody else has paused") {
				t.Errorf("pause: got %v, want FAILED_PRECONDITION", err)
			}
			q := p.b.ask(t)
			p.r.mustResume(t, 1)
			if got := p.b.waiting(t); got != 1 {
				t.Errorf("%d clients wait, want 1: the operator's pause was ended", got)
			}
			p.b.show(t, resume)
			q.answer(t)
		}
	})
}
