// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// observeEvery is how often PostgreSQL's positions are reported when nothing else changes.
func (l *Loop) observeEvery() core.Span {
	return min(max(core.Span(l.ttl.Load()/2), 500*core.Millisecond), 2*core.Second)
}

// observePostgres keeps the stream of reports going. Each stream begins with a fresh one.
func (l *Loop) observePostgres(ctx context.Context) {
	for ctx.Err() == nil {
		stream, again := context.WithCancel(ctx)
		l.inbox.observing(again)
		err := l.Postgres.Observe(stream, l.observeEvery(), func(pg core.Postgres) { l.observed(ctx, pg) })
		asked := stream.Err() != nil
		again()
		if asked {
			continue
		}
		if err != nil {
			l.Log.Debug("reports about postgresql ended", "error", err)
		}
		pause(ctx, retryPause)
	}
}

// observed takes one report (At is when its state was sampled), and asks the launcher how it is when the postmaster is another one.
func (l *Loop) observed(ctx context.Context, pg core.Postgres) {
	pg.At = l.told(pg.At)
	if l.inbox.report(pg) && pg.Launched {
		l.lanes.try("deadman probe", func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			l.probeDeadman(ctx)
		})
	}
}

// told is an instant that a plugin told: now if it did not, or one that has not come yet. Something may then be older
// than it looks.
func (l *Loop) told(at core.Instant) core.Instant {
	now := l.Clock()
	if at == 0 || at > now {
		return now
	}
	return at
}

// do runs an action of the PostgreSQL plugin in the one slot there is; it is dropped when the slot is taken.
func (l *Loop) do(ctx context.Context, a core.Action) {
	ctx, cancel := context.WithCancel(ctx)
	job := core.Job{Kind: a.Kind, Epoch: a.Epoch, Since: l.Clock()}
	if !l.inbox.begin(job, cancel) {
		cancel()
		return
	}
	l.Log.Info("action begun", "action", a.Kind, "epoch", a.Epoch)
	l.lanes.start(func() {
		defer cancel()
		if a.Routes != nil {
			l.routeFirst(ctx, *a.Routes)
		}
		done := l.Postgres.Do(ctx, a, func(p core.Job) { l.progress(job, p) })
		done.Kind, done.Epoch, done.At = a.Kind, a.Epoch, l.told(done.At)
		l.logFinished(job, done)
		if done.Outcome != core.OutcomeDone {
			pause(ctx, retryPause)
		}
		l.inbox.post(func(in *inbox) {
			in.o.Job, in.cancelJob = nil, nil
			in.o.Finished = append(in.o.Finished, done)
		})
	})
}

func (l *Loop) logFinished(job core.Job, done core.Finished) {
	took := time.Duration(done.At.Sub(job.Since))
	if done.Outcome == core.OutcomeDone {
		l.Log.Info("action done", "action", done.Kind, "epoch", done.Epoch, "took", took)
		return
	}
	l.Log.Warn("action failed", "action", done.Kind, "epoch", done.Epoch, "took", took, "outcome", done.Outcome, "error", done.Message)
}

// progress shows how far the job is; it does not wake the loop.
func (l *Loop) progress(job core.Job, p core.Job) {
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	if l.inbox.o.Job != nil {
		job.Phase, job.Done, job.Total = p.Phase, p.Done, p.Total
		l.inbox.o.Job = &job
	}
}

// cancelJob ends what the plugin is doing.
func (l *Loop) cancelJob() {
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	if l.inbox.cancelJob != nil {
		l.inbox.cancelJob()
	}
}
