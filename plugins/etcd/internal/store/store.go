// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how to reach an etcd cluster.
type Config struct {
	// Endpoints are the client URLs of its members, at least one.
	Endpoints []string
	// Username and Password for etcd's authentication; empty for none.
	Username, Password string
	// TLS for https endpoints; nil uses the system's roots and no client certificate.
	TLS *tls.Config
	// DialTimeout bounds the making of one connection.
	DialTimeout time.Duration
	// RequestTimeout bounds a request whose caller gives it more time.
	RequestTimeout time.Duration
	// KeepAlive is the time of silence on a connection in use after which it is tested; grpc allows no less
	// than 10 s. KeepAliveTimeout is how long data may stay unacknowledged before the connection is dropped.
	KeepAlive, KeepAliveTimeout time.Duration
}

// Store is an etcd cluster seen as a linearizable register. All methods may be called concurrently.
type Store struct {
	cfg     Config
	cluster atomic.Uint64
	// newest is the greatest revision any answer carried. Reads older than it are refused.
	newest    atomic.Int64
	endpoints []*endpoint // in order of preference

	mu     sync.Mutex
	closed chan struct{}
	active sync.WaitGroup
}

// Open prepares connections to all endpoints; it does not wait for them to stand. Endpoints on this host are
// preferred to the others, so that the loss of another host is not felt here. The store must be closed.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, closed: make(chan struct{})}
	for _, url := range localFirst(ctx, cfg.Endpoints) {
		e, err := newEndpoint(url, cfg, &s.cluster)
		if err != nil {
			_ = s.Close()
			return nil, err
		}
		s.endpoints = append(s.endpoints, e)
	}
	if len(s.endpoints) == 0 {
		return nil, errors.New("no endpoints")
	}
	return s, nil
}

// Close waits for reads and commits that are under way (they are bounded), ends the watches and closes the
// connections. It may be called more than once.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.isClosed()
	if first {
		close(s.closed)
	}
	s.mu.Unlock()
	s.active.Wait()
	if first {
		for _, e := range s.endpoints {
			e.close()
		}
	}
	return nil
}

// isClosed needs no lock to read, but only holds still while mu is held.
func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// begin registers a request that Close waits for.
func (s *Store) begin() (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ErrClosed)
	}
	s.active.Add(1)
	return s.active.Done, nil
}

// bounded gives a request no more than RequestTimeout and ends a little before the caller's own deadline, so
// that the caller hears the verdict and not just that time is up.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := s.cfg.RequestTimeout
	if d, ok := ctx.Deadline(); ok {
		left := time.Until(d)
		limit = min(limit, left-min(left/10, 50*time.Millisecond))
	}
	return context.WithTimeout(ctx, limit)
}

// byPreference returns the endpoints in the order to try them: those in good standing first.
func (s *Store) byPreference() []*endpoint {
	good := make([]*endpoint, 0, len(s.endpoints))
	var suspect []*endpoint
	for _, e := range s.endpoints {
		if e.suspect.Load() {
			suspect = append(suspect, e)
		} else {
			good = append(good, e)
		}
	}
	return append(good, suspect...)
}

// seen notes the revision of an answer.
func (s *Store) seen(revision int64) {
	for {
		old := s.newest.Load()
		if revision <= old || s.newest.CompareAndSwap(old, revision) {
			return
		}
	}
}
