// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// fresh is how lately an endpoint must have answered for a commit to go there without a question first.
const fresh = time.Second

// Compare is a condition: the revision that wrote the key last; 0 means that the key does not exist.
type Compare struct {
	Key      string
	Revision int64
}

// Write is a change of one key.
type Write struct {
	Key    string
	Value  []byte
	Delete bool
}

// Result of a commit that was decided.
type Result struct {
	// Applied tells whether the writes were made; false means that a compare did not hold.
	Applied bool
	// Revision of the commit, if applied.
	Revision int64
	// Current holds the compared keys that exist as they were when the compare failed.
	Current []KeyValue
}

// Commit makes all writes if all compares hold, or none of them. It is sent again only when it is proven that
// the earlier try was not and will not be applied. Errors: ErrUnknown; and with nothing changed
// ErrUnavailable, ErrDenied, ErrInvalid.
func (s *Store) Commit(ctx context.Context, compares []Compare, writes []Write) (Result, error) {
	end, err := s.begin()
	if err != nil {
		return Result{}, err
	}
	defer end()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var last error
	for {
		resp, sent, err := s.tryCommit(ctx, compares, writes)
		if err == nil {
			s.seen(resp.Header.Revision)
			return result(resp), nil
		}
		if sent {
			return Result{}, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if err := s.retryable(ctx, err, last); err != nil {
			return Result{}, err
		}
	}
}

// tryCommit sends the transaction to one live endpoint, at most once unless it was refused for its token.
func (s *Store) tryCommit(ctx context.Context, compares []Compare, writes []Write) (resp *clientv3.TxnResponse, sent bool, err error) {
	e, err := s.live(ctx)
	if err != nil {
		return nil, false, err
	}
	sent, err = e.call(ctx, func(ctx context.Context) (err error) {
		resp, err = e.client.Txn(ctx).If(conditions(compares)...).Then(changes(writes)...).Else(inspections(compares)...).Commit()
		return err
	})
	e.suspect.Store(err != nil)
	return resp, sent, err
}

// live returns an endpoint that has answered just now.
func (s *Store) live(ctx context.Context) (*endpoint, error) {
	if e := s.byPreference()[0]; !e.suspect.Load() && e.link.heardWithin(fresh) {
		return e, nil
	}
	a, err := race(ctx, s, func(ctx context.Context, e *endpoint) (struct{}, error) {
		_, err := e.probe(ctx)
		return struct{}{}, err
	})
	return a.from, err
}

// retryable waits a moment before the next try of a commit of which nothing was applied, or returns why there
// is none.
func (s *Store) retryable(ctx context.Context, err, last error) error {
	switch judge(err) {
	case denied:
		return fmt.Errorf("%w: %w", ErrDenied, err)
	case malformed:
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, last)
	case <-s.closed:
		return fmt.Errorf("%w: %w", ErrUnavailable, ErrClosed)
	case <-time.After(pause):
		return nil
	}
}

func conditions(compares []Compare) []clientv3.Cmp {
	out := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		out[i] = clientv3.Compare(clientv3.ModRevision(c.Key), "=", c.Revision)
	}
	return out
}

func changes(writes []Write) []clientv3.Op {
	out := make([]clientv3.Op, len(writes))
	for i, w := range writes {
		if w.Delete {
			out[i] = clientv3.OpDelete(w.Key)
		} else {
			out[i] = clientv3.OpPut(w.Key, string(w.Value))
		}
	}
	return out
}

// inspections read each compared key once, for the answer to a conflict.
func inspections(compares []Compare) []clientv3.Op {
	var out []clientv3.Op
	asked := make(map[string]bool, len(compares))
	for _, c := range compares {
		if !asked[c.Key] {
			asked[c.Key] = true
			out = append(out, clientv3.OpGet(c.Key))
		}
	}
	return out
}

func result(resp *clientv3.TxnResponse) Result {
	if resp.Succeeded {
		return Result{Applied: true, Revision: resp.Header.Revision}
	}
	var r Result
	for _, op := range resp.Responses {
		r.Current = append(r.Current, keyValues(op.GetResponseRange().GetKvs())...)
	}
	return r
}
