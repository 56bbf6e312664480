// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// reader keeps the loop's picture of the DCS fresh: it reads when asked, when the watch hints at a change, and
// from time to time.
type reader struct {
	*Loop
	prefix string
	due    chan struct{}
	// failing is whether the last read failed, so that only changes are logged.
	failing bool
}

func newReader(l *Loop) *reader {
	return &reader{Loop: l, prefix: l.Namespace + "/" + l.Cluster + "/", due: make(chan struct{}, 1)}
}

// ask makes the reader read soon.
func (r *reader) ask() {
	select {
	case r.due <- struct{}{}:
	default:
	}
}

// gather is how long hints are collected before one read answers them all.
const gather = 5 * time.Millisecond

// every is the time between two reads that nobody asked for.
func (r *reader) every() time.Duration { return time.Duration(r.Policy.TTL / 3) }

// patience is how long one call of the DCS may take.
func (l *Loop) patience() time.Duration {
	return min(max(time.Duration(l.Policy.TTL/4), 500*time.Millisecond), 3*time.Second)
}

func (r *reader) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.due:
			if !pause(ctx, gather) {
				return
			}
		}
		next := r.every()
		if !r.read(ctx) {
			next = 100 * time.Millisecond
		}
		timer.Reset(next)
	}
}

// read fetches one picture; false when the DCS did not answer.
func (r *reader) read(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	asked := r.Clock()
	picture, err := r.DCS.Read(ctx, r.prefix)
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	r.noteHealth(err)
	if err != nil {
		return false
	}
	view := decodeView(r.prefix, picture, r.Log)
	view.AskedAt, view.SeenAt = asked, r.Clock()
	r.inbox.post(func(in *inbox) {
		if in.o.View == nil || view.Revision >= in.o.View.Revision {
			in.o.View = view
		}
	})
	return true
}

// noteHealth logs when the DCS stops answering, and when it answers again.
func (r *reader) noteHealth(err error) {
	switch {
	case err != nil && !r.failing:
		r.Log.Warn("dcs does not answer", "error", err)
	case err == nil && r.failing:
		r.Log.Info("dcs answers again")
	}
	r.failing = err != nil
}

// watch turns changes into reads. It is only a hint: a watch that misses something costs time, not safety.
func (r *reader) watch(ctx context.Context) {
	var next core.Revision
	for ctx.Err() == nil {
		err := r.DCS.Watch(ctx, r.prefix, next, func(rev core.Revision) {
			next = max(next, rev+1)
			r.ask()
		})
		if err != nil {
			r.Log.Debug("watch ended", "error", err)
			next = 0
		}
		r.ask()
		pause(ctx, 200*time.Millisecond)
	}
}

// pause waits; false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// commit sends one transaction, unless its lane is taken: the core will ask again.
func (l *Loop) commit(ctx context.Context, c *core.Commit) {
	lane := "commit " + string(c.Purpose)
	l.lanes.try(lane, func() {
		ctx, cancel := context.WithTimeout(ctx, l.patience())
		defer cancel()
		done := core.Committed{Purpose: c.Purpose, Leader: c.Leader(), SentAt: l.Clock()}
		writes, err := encodeWrites(l.reader.prefix, c.Writes)
		if err != nil {
			done.Outcome, done.Message = core.OutcomeRefused, err.Error()
		} else {
			a := l.DCS.Commit(ctx, fullCompares(l.reader.prefix, c.Compares), writes)
			done.Outcome, done.Conflict, done.Revision, done.Message = a.Outcome, a.Conflict, a.Revision, a.Message
		}
		if done.Outcome != core.OutcomeDone {
			l.Log.Debug("commit not applied", "purpose", c.Purpose, "outcome", done.Outcome, "conflict", done.Conflict, "message", done.Message)
		}
		l.inbox.post(func(in *inbox) { in.o.Committed = append(in.o.Committed, done) })
		l.reader.ask()
	})
}

func fullCompares(prefix string, cs []core.Compare) []core.Compare {
	out := make([]core.Compare, len(cs))
	for i, c := range cs {
		out[i] = core.Compare{Key: prefix + c.Key, Rev: c.Rev}
	}
	return out
}
