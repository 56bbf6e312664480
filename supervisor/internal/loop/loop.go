// SPDX-License-Identifier: Apache-2.0

// Package loop is the imperative shell around core: it observes, asks core.Decide, and executes. One goroutine owns
// the state; everything slow runs beside it and reports back through the inbox.
package loop

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// DCS is the linearizable register. Every call obeys its context.
type DCS interface {
	// Read returns every key under a prefix as of one revision.
	Read(ctx context.Context, prefix string) (Picture, error)
	// Commit is one transaction. It is not sent twice.
	Commit(ctx context.Context, compares []core.Compare, writes []KeyValue) Answer
	// Watch calls changed for every step of the store under a prefix, in order and without a gap, from a revision
	// on, until the stream ends.
	Watch(ctx context.Context, prefix string, from core.Revision, changed func(Change)) error
}

// Picture is what a read returns. Keys are in full.
type Picture struct {
	Revision core.Revision
	Keys     []KeyValue
}

// KeyValue is a key as stored, or to be stored.
type KeyValue struct {
	Key   string
	Value []byte
	Rev   core.Revision
}

// Change is one step of the store. No keys is a sign of life.
type Change struct {
	Revision core.Revision
	Keys     []ChangedKey
}

// ChangedKey is a key as written, or removed.
type ChangedKey struct {
	KeyValue
	Deleted bool
}

// Answer is what became of a commit.
type Answer struct {
	Outcome  core.Outcome
	Conflict bool
	Revision core.Revision
	Message  string
}

// Postgres is the local instance.
type Postgres interface {
	// Observe calls report at once, on change and at least every interval, until the stream ends.
	Observe(ctx context.Context, interval core.Span, report func(core.Postgres)) error
	// Do carries out one action of core.PostgresActions. At of the answer is when the
	// work ended, 0 if that is not known.
	Do(ctx context.Context, a core.Action, progress func(core.Job)) core.Finished
}

// Router is told where traffic belongs.
type Router interface {
	Name() string
	Apply(ctx context.Context, r core.Routes) error
	// Pools tells whether it is a pooler that is there now: only such are asked to pause.
	Pools() bool
	// Pause holds clients' transactions back; it returns when none runs any more, or the error after wait. It ends by itself
	// after hold.
	Pause(ctx context.Context, epoch core.Epoch, wait, hold core.Span) error
	// Resume ends a pause.
	Resume(ctx context.Context, epoch core.Epoch) error
}

// Fencer is what this host can do about PostgreSQL without any plugin.
type Fencer interface {
	Arm(ctx context.Context, until core.Instant) error
	Disarm(ctx context.Context) error
	// Status tells how the launcher is; an error means that none answers.
	Status(ctx context.Context) (core.Deadman, error)
	// Fence ends every process of PostgreSQL and returns nil only when none is left.
	Fence(ctx context.Context) error
}

// Watchdog is /dev/watchdog, or nothing. Its methods do not block.
type Watchdog interface {
	// Ready tells whether this node may lead as far as the watchdog is concerned.
	Ready() bool
	// Pending tells whether PostgreSQL must not be promoted yet because the device is still to be armed.
	Pending() bool
	// Hold is called with every tick and what core.WatchdogUntil says.
	Hold(until core.Instant)
	// Changed is sent to when Ready, Pending or Status may have changed.
	Changed() <-chan struct{}
	Status() status.Watchdog
}

// Peers are the other supervisors as this one hears them, and the PostgreSQL of one of them, asked whether it is there. Its
// methods do not block.
type Peers interface {
	// Heard tells what came last from each, by name ascending.
	Heard() []core.Heard
	// Probed tells how the question stands that Probe asks.
	Probed() core.Probe
	// Changed is sent to when Heard or Probed may give cause for another decision.
	Changed() <-chan struct{}

	// Meet says who the members are; this one may be among them. Called with every tick.
	Meet(members []core.Versioned[core.Member])
	// Tell says what to repeat to the others; nil is nothing. Called with every tick: when that ends, so does the beat.
	Tell(beat *core.Beat)
	// Watch has Changed sent to, once, when a member has been silent for a span. Empty is nobody.
	Watch(name string, after core.Span)
	// Probe has the PostgreSQL of a member asked until the next call; nil is nobody's.
	Probe(peer *core.Peer)
	// Promise sends a promise to whom it is made.
	Promise(p core.Promise)
}

// Clock is CLOCK_BOOTTIME.
type Clock func() core.Instant

// Config is what the loop needs to know. All fields are required but Routers.
type Config struct {
	Cluster, Namespace string
	Policy             core.Policy
	DCS                DCS
	Postgres           Postgres
	Routers            []Router
	Fencer             Fencer
	Watchdog           Watchdog
	Peers              Peers
	Plugins            func() []status.Plugin
	Heartbeats         func() status.Heartbeats
	Clock              Clock
	Store              *Store
	Log                *slog.Logger
	// Ticked is called after every tick with the snapshot; it must not block. May be nil.
	Ticked func(*status.Snapshot)
}

// Loop keeps one member of a cluster.
type Loop struct {
	Config
	inbox    inbox
	lanes    lanes
	reader   *reader
	calls    stopwatch // of the DCS, answered
	snapshot atomic.Pointer[status.Snapshot]

	// policy is the one in force; only the loop's goroutine looks at it. ttl is its TTL, for everybody.
	policy core.Policy
	ttl    atomic.Int64
	state  core.State
	// unstored says that the last state could not be stored.
	unstored bool
	tick     uint64
	recent   []status.Decision
	handover status.Handover
	logged   logged
	// judged is the last tick's ground, for requests that arrive between two.
	judged struct {
		sync.Mutex
		s core.State
		o core.Observation
		p core.Policy
	}
	// freshAt is when the next report about PostgreSQL is asked for while another one is being probed.
	freshAt core.Instant
	// troubles are what is wrong with each router, by name.
	troubles sync.Map
	// ended is set by ActExit and ActRefuse.
	ended error
}

// ErrRefused is wrapped by the error of Run when a person must change something first.
var ErrRefused = errors.New("refusing to run")

// errExit ends Run without an error.
var errExit = errors.New("exit")

// New makes a loop that has not started.
func New(c Config) *Loop {
	l := &Loop{Config: c, policy: c.Policy}
	l.ttl.Store(int64(c.Policy.TTL))
	l.inbox.wake = make(chan struct{}, 1)
	l.inbox.flying = map[core.CommitPurpose]bool{}
	l.lanes.wake = l.inbox.nudge
	l.reader = newReader(l)
	l.state.Durable = c.Store.Durable
	return l
}

// Snapshot returns the latest snapshot; nil before the first tick.
func (l *Loop) Snapshot() *status.Snapshot { return l.snapshot.Load() }

// Stop asks the loop to hand over, stop PostgreSQL and end. Run returns when that is done.
func (l *Loop) Stop() { l.inbox.post(func(in *inbox) { in.o.Stopping = true }) }

// Reapply has PostgreSQL's settings brought in force again, after the plugin got others.
func (l *Loop) Reapply() { l.inbox.post(func(in *inbox) { in.reapply = true }) }

// SetPolicy brings a policy in force with the next tick, but for what is settled by New: Self and Routers.
func (l *Loop) SetPolicy(p core.Policy) {
	l.ttl.Store(int64(p.TTL))
	l.inbox.post(func(in *inbox) { in.policy = &p })
}

// Run turns until the context ends (PostgreSQL and the leadership are left as they are, for the next process
// to resume), until Stop has done its work (nil), or until the core refuses to go on (ErrRefused).
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.lanes.wait()
	defer cancel()
	l.lanes.start(func() { l.reader.run(ctx) })
	l.lanes.start(func() { l.observePostgres(ctx) })

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.inbox.wake:
		case <-l.Watchdog.Changed():
		case <-l.Peers.Changed():
		case <-timer.C:
		}
		runtime.Gosched() // what has come together is one tick
		next := l.turn(ctx)
		if l.ended != nil {
			return exitError(l.ended)
		}
		timer.Reset(max(time.Duration(next.Sub(l.Clock())), time.Millisecond))
	}
}

func exitError(err error) error {
	if errors.Is(err, errExit) {
		return nil
	}
	return err
}

// turn is one tick: observe, decide, store, execute, show. It returns when to turn again at the latest.
func (l *Loop) turn(ctx context.Context) core.Instant {
	o := l.inbox.take(l.Clock(), l.Watchdog, l.Peers)
	if l.inbox.takeReapply() {
		l.state.Applied = ""
	}
	l.inbox.takePolicy(&l.policy)
	o.Unstored, o.Poolers.Any = l.unstored, slices.ContainsFunc(l.Routers, Router.Pools)
	s, plan, reason := core.Decide(l.state, o, l.policy)
	err := l.Store.Save(s.Durable)
	if l.unstored = err != nil; l.unstored {
		l.Log.Error("state not stored", "error", err)
		plan = core.Withheld(plan, o)
	}
	l.state = s
	l.note(o, plan, reason)
	l.Watchdog.Hold(core.WatchdogUntil(s, o, l.policy))
	next := l.tellPeers(o, core.Wake(s, o, l.policy))
	for _, a := range plan {
		l.execute(ctx, a)
	}
	l.reader.hurry(core.Urgent(s, o))
	l.show(o, plan, reason)
	l.inbox.settle(core.Calm(s, o))
	return next
}
