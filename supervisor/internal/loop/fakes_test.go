// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// latency of everything that is not at fault.
const latency = time.Millisecond

// signal wakes everybody who waits for a change.
type signal struct{ c chan struct{} }

func (s *signal) wait() <-chan struct{} {
	if s.c == nil {
		s.c = make(chan struct{})
	}
	return s.c
}

func (s *signal) send() {
	s.wait()
	close(s.c)
	s.c = nil
}

// fault is how the register fails.
type fault int

const (
	// hangs: calls get no answer and are not applied. down: they fail at once. loses: they are applied, and not
	// answered.
	works fault = iota
	hangs
	down
	loses
)

// register is a DCS in memory.
type register struct {
	mu        sync.Mutex
	rev       core.Revision
	keys      map[string]KeyValue
	steps     []Change
	moved     signal
	fault     fault
	stalled   bool          // watches stand and say nothing
	compacted core.Revision // watches from here or before are refused
	ended     int           // how many times all watches were ended
	endedBy   error
	gate      chan struct{} // reads wait here after the picture was taken
	reads     int
	watches   int
	commits   []sent
	flying    map[string]int // commits under way, by first key
	crowd     int            // most of one key at a time
}

// sent is a commit as it arrived.
type sent struct {
	at     time.Time
	keys   []string
	answer Answer
}

func newRegister() *register {
	return &register{keys: map[string]KeyValue{}, flying: map[string]int{}}
}

// Read implements DCS.
func (r *register) Read(ctx context.Context, prefix string) (Picture, error) {
	r.mu.Lock()
	r.reads++
	f, gate := r.fault, r.gate
	r.mu.Unlock()
	switch {
	case f == down:
		return Picture{}, errors.New("plugin is down")
	case f == hangs || !pause(ctx, latency):
		<-ctx.Done()
		return Picture{}, ctx.Err()
	}
	p := r.picture(prefix)
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return Picture{}, ctx.Err()
		}
	}
	return p, nil
}

func (r *register) picture(prefix string) Picture {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Picture{Revision: r.rev}
	for _, k := range slices.Sorted(maps.Keys(r.keys)) {
		if strings.HasPrefix(k, prefix) {
			p.Keys = append(p.Keys, r.keys[k])
		}
	}
	return p
}

// Commit implements DCS.
func (r *register) Commit(ctx context.Context, compares []core.Compare, writes []KeyValue) Answer {
	lane := writes[0].Key
	r.mu.Lock()
	f, at := r.fault, time.Now()
	r.flying[lane]++
	r.crowd = max(r.crowd, r.flying[lane])
	r.mu.Unlock()
	a := r.commit(ctx, f, compares, writes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying[lane]--
	s := sent{at: at, answer: a}
	for _, w := range writes {
		s.keys = append(s.keys, w.Key)
	}
	r.commits = append(r.commits, s)
	return a
}

func (r *register) commit(ctx context.Context, f fault, compares []core.Compare, writes []KeyValue) Answer {
	switch {
	case f == down:
		return Answer{Outcome: core.OutcomeRefused, Message: "plugin is down"}
	case f == hangs || !pause(ctx, latency):
		<-ctx.Done()
		return Answer{Outcome: core.OutcomeUnknown, Message: ctx.Err().Error()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range compares {
		if r.keys[c.Key].Rev != c.Rev {
			return Answer{Outcome: core.OutcomeRefused, Conflict: true, Message: "compare of " + c.Key}
		}
	}
	rev := r.apply(writes...)
	if f == loses {
		return Answer{Outcome: core.OutcomeUnknown, Message: "answer lost"}
	}
	return Answer{Outcome: core.OutcomeDone, Revision: rev}
}

// apply is one step of the store; a value of nil removes. The caller holds mu.
func (r *register) apply(writes ...KeyValue) core.Revision {
	r.rev++
	c := Change{Revision: r.rev}
	for _, w := range writes {
		w.Rev = r.rev
		c.Keys = append(c.Keys, ChangedKey{KeyValue: w, Deleted: w.Value == nil})
		if r.keys[w.Key] = w; w.Value == nil {
			delete(r.keys, w.Key)
		}
	}
	r.steps = append(r.steps, c)
	r.moved.send()
	return r.rev
}

// put is a write of somebody else; a nil record removes the key.
func (r *register) put(key string, rec core.Record) core.Revision {
	var value []byte
	if rec != nil {
		value, _ = json.Marshal(rec) // records always can be
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.apply(KeyValue{Key: prefix + key, Value: value})
}

// set changes faults.
func (r *register) set(change func(*register)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
	r.moved.send()
}

// endWatches ends every stream with an error, or nil.
func (r *register) endWatches(err error) {
	r.set(func(r *register) { r.ended++; r.endedBy = err })
}

// Watch implements DCS.
func (r *register) Watch(ctx context.Context, prefix string, from core.Revision, changed func(Change)) error {
	r.mu.Lock()
	r.watches++
	life := r.ended
	r.mu.Unlock()
	for {
		steps, moved, err := r.since(from, life)
		if moved == nil {
			return err
		}
		for _, c := range steps {
			changed(c)
			from = c.Revision + 1
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// since lists the steps from a revision on; no channel says that the watch is over.
func (r *register) since(from core.Revision, life int) ([]Change, <-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.fault == down || r.fault == hangs:
		return nil, nil, errors.New("no stream")
	case from <= r.compacted:
		return nil, nil, errors.New("history compacted")
	case life != r.ended:
		return nil, nil, r.endedBy
	case r.stalled:
		return nil, r.moved.wait(), nil
	}
	var out []Change
	for _, c := range r.steps {
		if c.Revision >= from {
			out = append(out, c)
		}
	}
	return out, r.moved.wait(), nil
}

// sentTo lists the commits of a key in the order they ended.
func (r *register) sentTo(key string) []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []sent
	for _, s := range r.commits {
		if slices.Contains(s.keys, prefix+key) {
			out = append(out, s)
		}
	}
	return out
}

// record decodes a key as it stands.
func record[T any](r *register, key string) T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var v T
	_ = json.Unmarshal(r.keys[prefix+key].Value, &v) // absent is zero
	return v
}

// server is a PostgreSQL with its launcher: Postgres and Fencer.
type server struct {
	clock Clock

	mu       sync.Mutex
	pg       core.Postgres
	pid      int
	armed    core.Instant
	moved    signal
	done     []core.Action
	killedAt core.Instant
	killedIn int // the calls of Fence that killed
	// script replaces what an action does.
	script map[core.ActionKind]func(context.Context, func(core.Job)) core.Finished
	// fenceErr, armErr and askErr are how the launcher fails; ask is called when its state is asked for.
	fenceErr, armErr, askErr error
	fenceTakes               time.Duration
	ask                      func()
}

func newServer(clock Clock) *server {
	s := &server{clock: clock, pid: 100, script: map[core.ActionKind]func(context.Context, func(core.Job)) core.Finished{}}
	s.pg = core.Postgres{Status: core.StatusAbsent, Empty: true}
	return s
}

// Observe implements Postgres.
func (s *server) Observe(ctx context.Context, interval core.Span, report func(core.Postgres)) error {
	for {
		pg, moved := s.state()
		report(pg)
		again := time.NewTimer(time.Duration(interval))
		select {
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		case <-moved:
			again.Stop()
		case <-again.C:
		}
	}
}

func (s *server) state() (core.Postgres, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pg := s.pg
	pg.At = s.clock()
	return pg, s.moved.wait()
}

// change alters the instance, or how it fails.
func (s *server) change(f func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	s.moved.send()
}

// Do implements Postgres.
func (s *server) Do(ctx context.Context, a core.Action, progress func(core.Job)) core.Finished {
	s.mu.Lock()
	script := s.script[a.Kind]
	s.done = append(s.done, a)
	s.mu.Unlock()
	if script != nil {
		return script(ctx, progress)
	}
	if !pause(ctx, 20*latency) {
		return core.Finished{Outcome: core.OutcomeUnknown, Message: "cancelled"}
	}
	s.change(func(s *server) { s.act(a) })
	return core.Finished{Outcome: core.OutcomeDone, At: s.clock()}
}

func (s *server) act(a core.Action) {
	switch pg := &s.pg; a.Kind {
	case core.ActBootstrap:
		*pg = core.Postgres{Status: core.StatusStopped, Role: core.RoleStandby, Empty: true, SystemID: 7001, Timeline: 1, LSN: 100}
	case core.ActStart:
		s.pid++
		pg.Status, pg.Role, pg.Empty, pg.Launched, pg.PostmasterPID = core.StatusRunning, core.RoleStandby, false, true, s.pid
	case core.ActPromote:
		pg.Role, pg.Timeline = core.RolePrimary, max(pg.Timeline, a.Timeline)+1
	case core.ActApply:
		pg.SyncNames, pg.SyncSettled = a.Sync.String(), true
	case core.ActStop:
		s.die(core.StatusStopped)
	}
}

// die ends every process. The caller holds mu.
func (s *server) die(as core.Status) {
	s.pg.Status, s.pg.Empty, s.pg.Launched, s.pg.PostmasterPID, s.armed = as, true, false, 0, 0
	s.killedAt = s.clock()
}

// did lists the actions that were begun.
func (s *server) did() []core.ActionKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return core.Plan(s.done).Kinds()
}

// Arm implements Fencer.
func (s *server) Arm(_ context.Context, until core.Instant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armErr != nil {
		return s.armErr
	}
	s.armed = until
	return nil
}

// Disarm implements Fencer.
func (s *server) Disarm(ctx context.Context) error { return s.Arm(ctx, 0) }

// Status implements Fencer.
func (s *server) Status(ctx context.Context) (core.Deadman, error) {
	s.mu.Lock()
	d, err, ask := core.Deadman{Present: true, ArmedUntil: s.armed}, s.askErr, s.ask
	s.mu.Unlock()
	if ask != nil {
		ask()
	}
	return d, err
}

// Fence implements Fencer.
func (s *server) Fence(ctx context.Context) error {
	if !pause(ctx, max(s.fenceTakes, latency)) {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killedIn++
	if s.fenceErr != nil {
		return s.fenceErr
	}
	s.die(core.StatusCrashed)
	s.moved.send()
	return nil
}

// dog is a watchdog.
type dog struct {
	mu      sync.Mutex
	refuses bool
	until   core.Instant
}

func (d *dog) Ready() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.refuses
}

func (d *dog) Pending() bool { return false }

func (d *dog) Hold(until core.Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = until
}

func (d *dog) Changed() <-chan struct{} { return nil }

func (d *dog) Status() status.Watchdog { return status.Watchdog{} }

func (d *dog) held() core.Instant {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until
}

// peers are the other supervisors, as a test has them.
type peers struct {
	mu       sync.Mutex
	heard    []core.Heard
	probe    core.Probe
	changed  chan struct{}
	met      []string // addresses
	beat     *core.Beat
	tells    int
	watched  string
	after    core.Span
	probed   *core.Peer
	promises []core.Promise
}

func newPeers() *peers { return &peers{changed: make(chan struct{}, 1)} }

func (p *peers) Heard() []core.Heard { return look(&p.mu, &p.heard) }

func (p *peers) Probed() core.Probe { return look(&p.mu, &p.probe) }

func (p *peers) Changed() <-chan struct{} { return p.changed }

// change alters what is heard, and wakes the loop.
func (p *peers) change(f func(*peers)) {
	p.mu.Lock()
	f(p)
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *peers) Meet(members []core.Versioned[core.Member]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.met = nil
	for _, m := range members {
		p.met = append(p.met, m.Value.API)
	}
}

func (p *peers) Tell(beat *core.Beat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = beat
	p.tells++
}

func (p *peers) Watch(name string, after core.Span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watched, p.after = name, after
}

func (p *peers) Probe(peer *core.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probed = peer
}

func (p *peers) Promise(promise core.Promise) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.promises = append(p.promises, promise)
}

// router keeps what it is told; with pools it is a pooler, too.
type router struct {
	mu    sync.Mutex
	last  core.Routes
	err   error
	hang  bool
	pools bool
	// stuck is why clients cannot be held back, asked what was asked of the pooler, in order.
	stuck error
	asked []string
}

func (*router) Name() string { return "router" }

func (r *router) Pools() bool { return look(&r.mu, &r.pools) }

func (r *router) Pause(context.Context, core.Epoch, core.Span, core.Span) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, "pause")
	return r.stuck
}

func (r *router) Resume(context.Context, core.Epoch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, "resume with primary "+r.last.Primary.Name)
	return nil
}

func (r *router) Apply(ctx context.Context, routes core.Routes) error {
	r.mu.Lock()
	r.last = routes
	err, hang := r.err, r.hang
	r.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (r *router) hangs(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hang = yes
}

func (r *router) told() core.Routes {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}
