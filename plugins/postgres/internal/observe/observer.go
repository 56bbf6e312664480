// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"sync"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

const (
	// fast is the pace while something is about to change.
	fast = 20 * time.Millisecond
	// seldom is the pace while nobody asks for another.
	seldom = 5 * time.Second
	// overdue is the pace while a reply is awaited.
	overdue = time.Second
	// pendingEvery is how often the costly question is asked.
	pendingEvery = 10 * time.Second
	// hungAfter is the silence after which a living server counts as hung.
	hungAfter = 3 * time.Second
)

// Source is what an Observer needs to know at every tick.
type Source interface {
	// Config in force; nil before the first.
	Config() *config.Config
	// Intent stored last.
	Intent() conf.Intent
	// Trouble is why the last start failed, and where the server's log stood before it; empty and 0
	// when there was none.
	Trouble() (message string, logStart int64)
	// Settled tells whether a synchronous_standby_names, which the server answered to a question asked then, is proven to
	// be in force everywhere in it, and from which position on.
	Settled(server datadir.Postmaster, names string, asked time.Time) (barrier wal.LSN, ok bool)
	// Broken is why the data directory cannot be used, empty when it can; halfRewound: nor ever again, for anything but a clone.
	Broken() (why string, halfRewound bool)
}

// Observer keeps a current picture of the instance. Run does the work; the rest may be called from any
// goroutine.
type Observer struct {
	source Source
	wake   chan struct{}
	probe  prober

	mu       sync.Mutex
	interval map[int]time.Duration
	next     int
	last     *Snapshot
	changed  chan struct{}
	hurry    int
	settled  int64 // when work ended that no published picture shows yet, on CLOCK_BOOTTIME; 0 for none

	recheck bool

	// What follows belongs to Run.
	seen     seen
	stopped  stopped
	receiver watched
	senders  senderWatch
	hints    hints
	again    bool // whether to ask once more after the reply
}

// Snapshot is one published picture.
type Snapshot struct {
	// State is never changed once published.
	State *pluginv1.ObserveResponse
	// Began is when gathering it began, At when it was complete.
	Began moment
	At    time.Time
	// Generation grows when something other than a position changed.
	Generation uint64
}

// New allocates an Observer.
func New(source Source) *Observer {
	return &Observer{
		source: source, wake: make(chan struct{}, 1), interval: map[int]time.Duration{},
		changed: make(chan struct{}), probe: prober{replies: make(chan reply, 1)},
	}
}

// Wake makes the observer look now.
func (o *Observer) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Settle says that a call's work has ended now, and returns that instant on CLOCK_BOOTTIME: the next picture is
// news even if it looks like the last.
func (o *Observer) Settle() int64 {
	o.mu.Lock()
	defer o.Wake()
	defer o.mu.Unlock()
	o.settled = now().boot
	return o.settled
}

// Recheck makes the observer ask for pending restarts at the next look, which is now.
func (o *Observer) Recheck() {
	o.mu.Lock()
	o.recheck = true
	o.mu.Unlock()
	o.Wake()
}

// takeRecheck tells whether Recheck was called since the last time.
func (o *Observer) takeRecheck() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.recheck
	o.recheck = false
	return was
}

// Hurry makes the observer look often until the function it returns is called.
func (o *Observer) Hurry() (done func()) {
	o.adjust(1)
	o.Wake()
	return sync.OnceFunc(func() { o.adjust(-1) })
}

func (o *Observer) adjust(by int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurry += by
}

// Subscribe asks for a picture at least every interval until cancel is called.
func (o *Observer) Subscribe(interval time.Duration) (cancel func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := o.next
	o.next++
	o.interval[id] = max(interval, fast)
	o.Wake()
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.interval, id)
	}
}

// Last is the latest picture, nil before the first, and a channel that is closed when there is another.
func (o *Observer) Last() (*Snapshot, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, o.changed
}

// Refresh returns a picture that was begun after the call.
func (o *Observer) Refresh(ctx context.Context) (*Snapshot, error) {
	since := time.Now()
	for {
		s, changed := o.Last()
		if s != nil && s.Began.After(since) {
			return s, nil
		}
		o.Wake()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// publish makes a picture the latest.
func (o *Observer) publish(state *pluginv1.ObserveResponse, began moment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := &Snapshot{State: state, At: time.Now(), Began: began}
	state.SampledAtBoottimeNs = began.boot
	if o.last != nil {
		s.Generation = o.last.Generation
		shows := o.settled != 0 && began.boot >= o.settled
		if shows {
			o.settled = 0
		}
		if shows || !sameButPositions(o.last.State, state) {
			s.Generation++
		}
	}
	o.last = s
	close(o.changed)
	o.changed = make(chan struct{})
}

// pace is how long to wait until the next look, when the state has lasted for some time. It is called by Run.
func (o *Observer) pace(lasted time.Duration) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := seldom
	for _, d := range o.interval {
		wait = min(wait, d)
	}
	if o.probe.busy {
		wait = min(wait, overdue)
	}
	if o.hurry > 0 || (o.last != nil && passing(o.last.State)) {
		return min(wait, max(fast, lasted/10))
	}
	return wait
}

// passing tells whether a picture will not last.
func passing(s *pluginv1.ObserveResponse) bool {
	switch s.GetStatus() {
	case pluginv1.Status_STATUS_STARTING, pluginv1.Status_STATUS_STOPPING:
		return true
	case pluginv1.Status_STATUS_STOPPED, pluginv1.Status_STATUS_CRASHED:
		return !s.GetEmpty()
	}
	return false
}
