// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// lookBound is for finding out what keeps a pause from settling: clients are held back meanwhile.
const lookBound = 200 * time.Millisecond

// Pause holds the clients of every PgBouncer back, all at once. Any error means that nothing is held. DEADLINE_EXCEEDED:
// something did not settle within wait_ns, and the message tells what. FAILED_PRECONDITION: a console refuses, or
// somebody else has paused it. A PgBouncer that does not run has no clients and is left out, unless none runs.
func (r *Router) Pause(ctx context.Context, req *pluginv1.PauseRequest) (*pluginv1.PauseResponse, error) {
	wait, hold := time.Duration(req.GetWaitNs()), time.Duration(req.GetHoldNs())
	if wait <= 0 || hold <= 0 {
		return nil, status.Error(codes.InvalidArgument, "wait_ns and hold_ns must be positive")
	}
	if err := r.pausing.take(ctx); err != nil {
		return nil, err
	}
	defer r.pausing.give()
	if err := r.state().epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	if err := r.release(ctx); err != nil { // it was asked for before
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	r.giveUp = cancel
	r.mu.Unlock()
	if err := r.pause(ctx, wait, hold); err != nil {
		return nil, err
	}
	return &pluginv1.PauseResponse{}, nil
}

// Resume ends a pause, also one that is only being brought about. UNAVAILABLE: not yet everywhere; the plugin goes on
// trying.
func (r *Router) Resume(ctx context.Context, req *pluginv1.ResumeRequest) (*pluginv1.ResumeResponse, error) {
	if err := r.state().epochs.Check(req.GetEpoch()); err != nil {
		return nil, err
	}
	r.endPause()
	if err := r.pausing.take(ctx); err != nil {
		return nil, err
	}
	defer r.pausing.give()
	if err := r.release(ctx); err != nil {
		return nil, err
	}
	return &pluginv1.ResumeResponse{}, nil
}

// endPause has a Pause that runs give up.
func (r *Router) endPause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.giveUp()
}

func (r *Router) pause(ctx context.Context, wait, hold time.Duration) error {
	settle, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	targets, err := r.targets(settle)
	if err != nil {
		return err
	}
	if err := r.begin(targets, wait+hold); err != nil {
		return status.Errorf(codes.Unavailable, "%v", err)
	}
	errs := each(targets, func(t *target) error { return t.console.Wait(settle, command("PAUSE", t.Database)) })
	if errors.Join(errs...) == nil {
		r.arm(hold)
		return nil
	}
	return r.undo(ctx, errs)
}

// targets are what is to be paused. Each has just answered.
func (r *Router) targets(ctx context.Context) ([]*target, error) {
	ctx, cancel := context.WithTimeout(ctx, answerBound)
	defer cancel()
	s := r.state()
	errs := each(s.instances, func(i *instance) error {
		rows, err := i.console.Query(ctx, "SHOW DATABASES")
		if err != nil {
			return err
		}
		return foreign(i.console, rows, s.body.Databases)
	})
	var targets []*target
	for n, i := range s.instances {
		if console.Gone(errs[n]) {
			r.log.Warn("pgbouncer does not run, and is not paused", "error", errs[n])
			continue
		}
		for _, database := range orAll(s.body.Databases) {
			targets = append(targets, &target{Console: i.console.Name, Database: database, console: i.console})
		}
	}
	if len(targets) > 0 {
		errs = slices.DeleteFunc(errs, console.Gone)
	}
	return targets, summary(errs)
}

// foreign finds a database that somebody else has paused.
func foreign(c *console.Console, rows []console.Row, databases []string) error {
	for _, row := range rows {
		if slices.Contains(databases, row["name"]) && row["paused"] == "1" {
			return setupError(fmt.Sprintf("console %q: somebody else has paused database %q: RESUME it there first", c.Name, row["name"]))
		}
	}
	return nil
}

// undo resumes whatever a Pause that failed has paused, and tells why it failed.
func (r *Router) undo(ctx context.Context, errs []error) error {
	look, cancel := context.WithTimeout(ctx, lookBound)
	defer cancel()
	var paused []*target
	var late []string
	for n, t := range r.hold.Targets {
		switch err := errs[n]; {
		case console.Held(err):
			errs[n] = setupError(fmt.Sprintf("console %q: somebody else has paused it: RESUME it there first", t.Console))
		case console.Answered(err), console.Gone(err): // nothing is paused there
		case errors.Is(err, context.DeadlineExceeded):
			late = append(late, fmt.Sprintf("console %q: %s", t.Console, t.busy(look)))
			paused = append(paused, t)
		default:
			paused = append(paused, t)
		}
	}
	r.hold.Targets = paused
	if err := r.release(context.WithoutCancel(ctx)); err != nil {
		r.log.Error("pause is not undone yet", "error", err)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(late) > 0:
		return status.Errorf(codes.DeadlineExceeded, "pause did not settle in time, and is undone: %s", strings.Join(late, "; "))
	}
	return summary(errs)
}
