// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// route tells every router; a slow or dead one keeps nobody waiting, and is told the latest when it is ready.
func (l *Loop) route(ctx context.Context, r core.Routes) {
	for _, router := range l.Routers {
		l.lanes.latest("router "+router.Name(), func() { l.apply(ctx, router, r) })
	}
}

// demotionPatience is how long routers may hold up a demotion.
const demotionPatience = 500 * time.Millisecond

// routeFirst tells every router, and waits until they are in line.
func (l *Loop) routeFirst(ctx context.Context, r core.Routes) {
	enough := time.After(demotionPatience)
	told := make(chan struct{}, len(l.Routers))
	for _, router := range l.Routers {
		l.lanes.latest("router "+router.Name(), func() {
			l.apply(ctx, router, r)
			told <- struct{}{}
		})
	}
	for range l.Routers {
		select {
		case <-told:
		case <-enough:
			return
		}
	}
}

func (l *Loop) apply(ctx context.Context, router Router, r core.Routes) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	l.complain(router.Name(), router.Apply(ctx, r))
}

// complain says what is wrong with a router when that changes.
func (l *Loop) complain(router string, err error) {
	now := ""
	if err != nil {
		now = err.Error()
	}
	before, _ := l.troubles.Swap(router, now)
	switch {
	case before == now || before == nil && now == "":
	case now == "":
		l.Log.Info("router told again", "router", router)
	default:
		l.Log.Warn("router not told", "router", router, "error", now)
	}
}

// poolersLane is that of all poolers together: the last thing that was asked of them is done.
const poolersLane = "poolers"

// holdBack has every pooler hold clients back, and reports how that went.
func (l *Loop) holdBack(ctx context.Context, a core.Action) {
	wait, hold := l.policy.HoldBackPatience(), l.policy.HoldBackSpan()
	l.lanes.latest(poolersLane, func() {
		err := l.poolers(ctx, time.Duration(wait)+time.Second, func(ctx context.Context, r Router) error {
			return r.Pause(ctx, a.Epoch, wait, hold)
		})
		stuck := ""
		if err != nil {
			l.Log.Warn("clients not held back", "error", err)
			stuck = err.Error()
		}
		l.inbox.post(func(in *inbox) { in.o.Poolers.Held, in.o.Poolers.Stuck = a.Operation, stuck })
	})
}

// letGo has clients go on, once the routers are in line.
func (l *Loop) letGo(ctx context.Context, a core.Action) {
	hold := time.Duration(l.policy.HoldBackSpan())
	l.lanes.latest(poolersLane, func() {
		l.routeFirst(ctx, *a.Routes)
		err := l.poolers(ctx, 5*time.Second, func(ctx context.Context, r Router) error { return r.Resume(ctx, a.Epoch) })
		if err != nil {
			l.Log.Warn("clients not let go; poolers do so by themselves", "after", hold, "error", err)
		}
		l.inbox.post(func(in *inbox) { in.o.Poolers = core.Poolers{} })
	})
}

// poolers asks something of every pooler, at the same time, and returns every error.
func (l *Loop) poolers(ctx context.Context, limit time.Duration, ask func(context.Context, Router) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	errs := make([]error, len(l.Routers))
	var asked sync.WaitGroup
	for i, r := range l.Routers {
		if r.Pools() {
			asked.Go(func() {
				if err := ask(ctx, r); err != nil {
					errs[i] = fmt.Errorf("%s: %w", r.Name(), err)
				}
			})
		}
	}
	asked.Wait()
	return errors.Join(errs...)
}
