// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// reader keeps the loop's picture of the DCS: read whole when asked, when no change has come for a while and now and then
// anyway, and kept up by the changes of a watch in between. A change that was received is as true as a read, only what has not arrived yet is missing; and
// whatever is decided on an old picture fails at the compare.
type reader struct {
	*Loop
	prefix string
	due    chan struct{}
	// timer is for the next read that nobody asks for. Every change puts it off.
	timer *time.Timer

	mu   sync.Mutex
	view *core.View // never changed once posted
	// readAt is when the last read that succeeded was asked for.
	readAt core.Instant
	// urgent is whether the DCS is read again and again, whatever the watch brings.
	urgent atomic.Bool
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

// hurry says whether the DCS is to be read again and again.
func (r *reader) hurry(yes bool) {
	if before := r.urgent.Swap(yes); yes && !before {
		r.ask()
	}
}

// every is the silence after which the DCS is read: it may be that of a watch that is stuck. In an idle cluster the beats
// and renewals of the members come more often.
func (r *reader) every() time.Duration {
	if r.urgent.Load() {
		return 100 * time.Millisecond
	}
	return max(time.Duration(r.ttl.Load()/2), time.Second)
}

// seldom is the time after which it is read although changes come.
func (r *reader) seldom() time.Duration { return 10 * r.every() }

// patience is how long one call of the DCS may take.
func (l *Loop) patience() time.Duration {
	return min(max(time.Duration(l.ttl.Load()/4), 500*time.Millisecond), 3*time.Second)
}

// run reads until ctx ends, and watches from each first success on.
func (r *reader) run(ctx context.Context) {
	r.timer = time.NewTimer(0)
	defer r.timer.Stop()
	watching := make(chan struct{}, 1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.timer.C:
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
		r.timer.Reset(next)
	}
}

// read fetches one picture and returns its revision; false when the DCS did not answer.
func (r *reader) read(life context.Context) (core.Revision, bool) {
	ctx, cancel := context.WithTimeout(life, r.patience())
	defer cancel()
	asked := r.Clock()
	picture, err := r.DCS.Read(ctx, r.prefix)
	if life.Err() != nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteHealth(err)
	if err != nil {
		return 0, false
	}
	view := decodeView(r.prefix, picture, r.Log)
	view.AskedAt, view.SeenAt, r.readAt = asked, r.Clock(), asked
	r.calls.add(view.SeenAt.Sub(asked))
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
	r.inbox.picture(view, r.Policy.Self.Name)
}

// noteHealth logs when the DCS stops answering, and when it answers again. The caller holds mu.
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
	switch {
	case time.Duration(view.SeenAt.Sub(r.readAt)) >= r.seldom():
		r.ask()
	case !r.failing: // else another try is due
		r.timer.Reset(r.every())
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
