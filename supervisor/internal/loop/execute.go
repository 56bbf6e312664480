// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// execute begins one action. It never waits.
func (l *Loop) execute(ctx context.Context, a core.Action) {
	switch a.Kind {
	case core.ActCommit:
		l.commit(ctx, a.Commit)
	case core.ActFence:
		l.fence(ctx)
	case core.ActArm, core.ActDisarm:
		l.setDeadman(ctx, a)
	case core.ActRoute:
		l.route(ctx, *a.Routes)
	case core.ActHoldBack:
		l.holdBack(ctx, a)
	case core.ActLetGo:
		l.letGo(ctx, a)
	case core.ActPromise:
		l.Peers.Promise(*a.Promise)
	case core.ActExit:
		l.ended = errExit
	case core.ActRefuse:
		l.ended = fmt.Errorf("%w: %s", ErrRefused, a.Message)
	default:
		l.do(ctx, a)
	}
}

// fenceTimeout bounds one attempt to kill PostgreSQL; the core asks again.
const fenceTimeout = 5 * time.Second

// fence kills PostgreSQL with whatever it left, plugin or not. Work of the plugin that stands in the way is cancelled.
func (l *Loop) fence(ctx context.Context) {
	l.lanes.try("fence", func() {
		l.Log.Warn("fencing postgresql")
		l.cancelJob()
		// A fence that has begun is finished even if the daemon is ending.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fenceTimeout)
		defer cancel()
		if err := l.Fencer.Fence(ctx); err != nil {
			l.Log.Error("fencing failed", "error", err)
			pause(ctx, retryPause)
			l.inbox.nudge()
			return
		}
		l.inbox.post(func(in *inbox) { in.server(fenced(in.o.Postgres, l.Clock())) })
		l.inbox.observeAgain() // only the plugin can tell where the WAL ends
	})
}

// fenced is what a completed fence proves, until the plugin tells more: where the WAL ends is not known.
func fenced(pg *core.Postgres, now core.Instant) core.Postgres {
	out := core.Postgres{}
	if pg != nil {
		out = *pg
	}
	out.At, out.Status, out.Empty = now, core.StatusCrashed, true
	out.LSN, out.PostmasterPID, out.Receiver, out.Senders = 0, 0, nil, nil
	return out
}

// setDeadman arms or disarms, and reports what the launcher confirms.
func (l *Loop) setDeadman(ctx context.Context, a core.Action) {
	l.lanes.try("deadman", func() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		confirmed := core.Deadman{Present: true}
		life := l.inbox.life()
		var err error
		if a.Kind == core.ActArm {
			confirmed.ArmedUntil = a.Until
			err = l.Fencer.Arm(ctx, a.Until)
		} else {
			err = l.Fencer.Disarm(ctx)
		}
		if err != nil {
			l.Log.Warn("deadman not set", "action", a.Kind, "error", err)
			pause(ctx, retryPause)
			l.probeDeadman(ctx)
			return
		}
		l.deadmanIs(life, confirmed)
	})
}

// probeDeadman asks the launcher how it is; again if PostgreSQL has another one meanwhile.
func (l *Loop) probeDeadman(ctx context.Context) {
	for {
		life := l.inbox.life()
		d, err := l.Fencer.Status(ctx)
		if err != nil {
			d = core.Deadman{}
		}
		if l.deadmanIs(life, d) {
			return
		}
	}
}

// deadmanIs reports what the launcher of one life of PostgreSQL said; false when that life is over. A deadline that
// merely moved wakes nobody.
func (l *Loop) deadmanIs(life int, d core.Deadman) (current bool) {
	l.inbox.mu.Lock()
	old := l.inbox.o.Deadman
	if current = l.inbox.lives == life; current {
		l.inbox.o.Deadman = d
	}
	l.inbox.mu.Unlock()
	if old.ArmedUntil == 0 || d.ArmedUntil == 0 {
		l.inbox.nudge()
	}
	return current
}
