// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Event is a change of one key.
type Event struct {
	KeyValue
	Deleted bool
}

// Step is one message of a watch.
type Step struct {
	// Revision of the store the step is about.
	Revision int64
	// Events, oldest first; none says that the watch stands, for the first time or again.
	Events []Event
}

// Watch is the place of a reader in the history of a prefix. It is used by one goroutine.
type Watch struct {
	prefix string
	next   int64 // first revision not yet delivered; 0 is "from now on"
	begun  bool  // whether the watch has stood
}

// NewWatch starts at a revision; 0 means from now on.
func NewWatch(prefix string, from int64) *Watch { return &Watch{prefix: prefix, next: from} }

// Follow hands every step to deliver, in order and without a gap, from where the watch last stopped, and moves
// on to another endpoint when one is lost, silent or without a leader. It ends with deliver's error, the
// context's, or ErrClosed (the watch may go on with another store), ErrCompacted, ErrDenied, ErrInvalid; and
// with ErrUnavailable when it could not even begin within the request timeout.
func (s *Store) Follow(ctx context.Context, w *Watch, deliver func(Step) error) error {
	for {
		e, err := s.findForWatch(ctx, w)
		if err != nil {
			return err
		}
		err = s.followOn(ctx, e, w, deliver)
		var fatal *fatalError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.isClosed():
			return ErrClosed
		case errors.As(err, &fatal):
			return fatal.error
		case errors.Is(err, errBetter):
			continue
		}
		e.suspect.Store(true)
		select { // a refusal may come at once, again and again
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// fatalError ends a watch; after any other it goes on elsewhere.
type fatalError struct{ error }

// errBetter ends a watch that another endpoint is to go on with.
var errBetter = errors.New("preferred endpoint is back")

// better tells whether another endpoint is preferred and has answered just now. A watch that was driven away from its own host
// would otherwise stay on another one, whose loss then costs time.
func (s *Store) better(than *endpoint) bool {
	first := s.byPreference()[0]
	return first != than && !first.suspect.Load() && first.link.heardWithin(fresh)
}

// reconsider asks the suspect endpoints, which nobody else does while others answer, and takes those that are well for good.
func (s *Store) reconsider(ctx context.Context) {
	for _, e := range s.endpoints {
		if e.suspect.Load() {
			go func() {
				ctx, cancel := s.bounded(ctx)
				defer cancel()
				if _, err := e.probe(ctx); err == nil {
					e.suspect.Store(false)
				}
			}()
		}
	}
}

// findForWatch returns a live endpoint. Before the watch has stood it tries for one request timeout; after
// that, a watch outlasts any outage.
func (s *Store) findForWatch(ctx context.Context, w *Watch) (*endpoint, error) {
	for {
		bounded, cancel := s.bounded(ctx)
		e, err := s.live(bounded)
		cancel()
		switch {
		case err == nil:
			return e, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case s.isClosed():
			return nil, ErrClosed
		case !w.begun || errors.Is(err, ErrDenied):
			return nil, fmt.Errorf("watching %s: %w", w.prefix, err)
		}
	}
}

const (
	// quiet is the silence on a watch after which the server is asked for a sign of life.
	quiet = 900 * time.Millisecond
	// dead is the silence after which the endpoint is given up.
	dead = 2 * time.Second
	// settled is the time between two looks whether suspect endpoints are well again.
	settled = 5 * time.Second
)

// followOn runs the watch on one endpoint for as long as that is alive.
func (s *Store) followOn(ctx context.Context, e *endpoint, w *Watch, deliver func(Step) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, lost := e.link.current()
	stream, err := openStream(ctx, e, w)
	if err != nil {
		return err
	}
	silence := time.NewTimer(quiet)
	defer silence.Stop()
	last := time.Now()
	looked := last
	for {
		select {
		case resp := <-stream.responses:
			last = time.Now()
			silence.Reset(quiet)
			if err := w.take(resp, deliver); err != nil {
				return s.recover(ctx, e, err)
			}
			if last.Sub(looked) >= settled {
				looked = last
				s.reconsider(ctx)
			}
			if s.better(e) {
				return errBetter
			}
		case err := <-stream.failed:
			return s.recover(ctx, e, err)
		case <-silence.C:
			left := dead - time.Since(last)
			if left <= 0 {
				return errors.New("silent")
			}
			stream.poke()
			silence.Reset(min(quiet, left))
		case <-lost:
			return errors.New("connection lost")
		case <-s.closed:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recover makes a refused token new, and sorts out the errors that no other endpoint would answer better.
func (s *Store) recover(ctx context.Context, e *endpoint, err error) error {
	switch judge(err) {
	case staleToken:
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		return e.token.renew(ctx, e.client, e.token.get())
	case denied:
		return &fatalError{fmt.Errorf("%w: %w", ErrDenied, err)}
	case malformed:
		return &fatalError{fmt.Errorf("%w: %w", ErrInvalid, err)}
	}
	return err
}

// take delivers what a response holds and moves the watch on.
func (w *Watch) take(resp *pb.WatchResponse, deliver func(Step) error) error {
	switch {
	case resp.CompactRevision != 0:
		return &fatalError{fmt.Errorf("%w: revision %d is needed, %d is the oldest", ErrCompacted, w.next, resp.CompactRevision)}
	case resp.Canceled:
		return fmt.Errorf("watch cancelled by etcd: %w", cancelled(resp.CancelReason))
	case resp.Created:
		return fatal(deliver(w.stand(resp.Header.GetRevision())))
	case len(resp.Events) == 0:
		return nil // a sign of life; its revision is no proof that older events were delivered
	}
	step := Step{Events: make([]Event, 0, len(resp.Events))}
	for _, ev := range resp.Events {
		step.Events = append(step.Events, event(ev))
	}
	step.Revision = step.Events[len(step.Events)-1].Revision
	if err := deliver(step); err != nil {
		return &fatalError{err}
	}
	w.next = step.Revision + 1
	return nil
}

// stand notes that the watch stands, at a store's revision.
func (w *Watch) stand(revision int64) Step {
	w.begun = true
	if w.next == 0 {
		w.next = revision + 1
	}
	return Step{Revision: max(revision, w.next-1)}
}

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return &fatalError{err}
}

func event(ev *mvccpb.Event) Event {
	return Event{
		KeyValue: KeyValue{Key: string(ev.Kv.Key), Value: ev.Kv.Value, Revision: ev.Kv.ModRevision},
		Deleted:  ev.Type == mvccpb.Event_DELETE,
	}
}
