// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// reader keeps the loop's picture of the DCS: read whole from time to time and when asked, and kept up by the changes of a
// watch in between. A change that was received is as true as a read, only what has not arrived yet is missing; and
// whatever is decided on an old picture fails at the compare.
type reader struct {
	*Loop
	prefix string
	due    chan struct{}

	mu   sync.Mutex
	view *core.View // never changed once posted
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

// every is the time between two reads that nobody asked for: they notice a watch that is silent because it is stuck.
func (r *reader) every() time.Duration { return max(time.Duration(r.Policy.TTL/2), time.Second) }

// patience is how long one call of the DCS may take.
func (l *Loop) patience() time.Duration {
	return min(max(time.Duration(l.Policy.TTL/4), 500*time.Millisecond), 3*time.Second)
}

// run reads until ctx ends, and watches from each first success on.
func (r *reader) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	watching := make(chan struct{}, 1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.due:
		}
		next := retryPause
		if from, ok := r.read(ctx); ok {
			next = r.every()
			select {
			case watching <- struct{}{}:
				r.lanes.start(func() {
					r.watch(ctx, from+1)
					<-watching
					r.ask()
				})
			default:
			}
		}
		timer.Reset(next)
	}
}

// read fetches one picture and returns its revision; false when the DCS did not answer.
func (r *reader) read(ctx context.Context) (core.Revision, bool) {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	asked := r.Clock()
	picture, err := r.DCS.Read(ctx, r.prefix)
	r.noteHealth(err)
	if err != nil {
		return 0, false
	}
	view := decodeView(r.prefix, picture, r.Log)
	view.AskedAt, view.SeenAt = asked, r.Clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view != nil && view.Revision < r.view.Revision {
		// Changes have arrived meanwhile: the picture is newer than this read, which proves that the DCS answers.
		newer := *r.view
		newer.SeenAt = max(newer.SeenAt, view.SeenAt)
		view = &newer
	}
	r.show(view)
	return picture.Revision, true
}

// show makes a picture the current one. The caller holds mu.
func (r *reader) show(view *core.View) {
	r.view = view
	r.inbox.post(func(in *inbox) { in.o.View = view })
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

// watch applies changes until the stream ends.
func (r *reader) watch(ctx context.Context, from core.Revision) {
	err := r.DCS.Watch(ctx, r.prefix, from, r.changed)
	if ctx.Err() == nil {
		r.Log.Debug("watch ended", "error", err)
		pause(ctx, retryPause)
	}
}

// changed applies one step of the store to the picture.
func (r *reader) changed(c Change) {
	if len(c.Keys) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Revision <= r.view.Revision {
		return // a read has shown it already
	}
	view := applied(r.prefix, r.view, c, r.Log)
	view.SeenAt = r.Clock()
	r.show(view)
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
