// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"
)

const (
	// stagger is how long an endpoint may stay silent before the next one is asked as well.
	stagger = 150 * time.Millisecond
	// pause is the time between two rounds through all endpoints.
	pause = 50 * time.Millisecond
)

// answer is what one endpoint said.
type answer[T any] struct {
	from  *endpoint
	value T
	err   error
}

// race asks the endpoints for something that may safely be asked more than once, in order, the next one as
// soon as one fails or has been silent for a moment, and returns the first answer that is no error. When all
// have failed it goes round again until the context ends, unless trying again is of no use.
func race[T any](ctx context.Context, s *Store, ask func(context.Context, *endpoint) (T, error)) (answer[T], error) {
	var last error
	for {
		a, err := round(ctx, s.byPreference(), ask)
		if err == nil {
			return a, nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		switch judge(err) {
		case denied:
			return a, fmt.Errorf("%w: %w", ErrDenied, err)
		case malformed:
			return a, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("%w: %w", ErrUnavailable, last)
		case <-s.closed:
			return a, fmt.Errorf("%w: %w", ErrUnavailable, ErrClosed)
		case <-time.After(pause):
		}
	}
}

// round asks each endpoint once and returns the first success, or the last failure.
func round[T any](ctx context.Context, eps []*endpoint, ask func(context.Context, *endpoint) (T, error)) (answer[T], error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer[T], len(eps))
	next := time.NewTimer(0)
	defer next.Stop()
	asked, open := 0, 0
	for {
		select {
		case <-next.C:
			if asked == len(eps) {
				continue
			}
			e := eps[asked]
			asked++
			open++
			go func() {
				v, err := ask(ctx, e)
				answers <- answer[T]{e, v, err}
			}()
			next.Reset(stagger)
		case a := <-answers:
			open--
			a.from.suspect.Store(a.err != nil)
			if a.err == nil {
				outrun(eps[:asked], a.from)
				return a, nil
			}
			if open == 0 && asked == len(eps) {
				return a, a.err
			}
			next.Reset(0)
		}
	}
}

// outrun marks those that were asked earlier than the winner and are still silent: they answer last in the
// next race, until they answer again.
func outrun(asked []*endpoint, winner *endpoint) {
	for _, e := range asked {
		if e == winner {
			return
		}
		e.suspect.Store(true)
	}
}
