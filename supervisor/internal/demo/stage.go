// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/checker"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

const (
	// clients write at the same time, each after a rest of pace.
	clients = 2
	pace    = 5 * time.Millisecond
	// silence is how long a client waits for a server to take its connection, or to answer a write.
	silence = 500 * time.Millisecond
)

// stage is the cluster with a writer and somebody who watches for two primaries.
type stage struct {
	*lab.Cluster
	version string
	ttl     time.Duration

	book   *ledger.Ledger
	writer *ledger.Writer
	watch  *checker.Checker

	// mu keeps those who start and end processes apart from those who look which ones run.
	mu     sync.Mutex
	mark   boottime.Instant
	closed bool
}

func newStage(c *lab.Cluster, version string, ttl time.Duration) *stage {
	return &stage{Cluster: c, version: version, ttl: ttl, book: ledger.New(clients, nil)}
}

// write starts the writers.
func (s *stage) write(ctx context.Context) error {
	config, err := s.ClientConfig(silence)
	if err != nil {
		return err
	}
	s.writer = &ledger.Writer{Config: config, Ledger: s.book, Pause: pace, Timeout: silence}
	return s.writer.Start(ctx)
}

// check starts the watch over all nodes.
func (s *stage) check() {
	var targets []checker.Target
	for _, n := range s.Nodes {
		targets = append(targets, checker.Target{Name: n.Name, Connect: n.Connect, Epoch: n.Epoch})
	}
	s.watch = &checker.Checker{Every: 25 * time.Millisecond}
	s.watch.Start(targets...)
}

// setMark begins a new measurement of the longest gap.
func (s *stage) setMark() boottime.Instant {
	now := boottime.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = now
	return now
}

// violations are what the watch has seen that must never be.
func (s *stage) violations() []string {
	if s.watch == nil {
		return nil
	}
	return s.watch.Violations()
}

// rest stops writers and watch; the cluster runs on. It may be called more than once.
func (s *stage) rest() error {
	var err error
	if s.writer != nil {
		err = s.writer.Stop()
	}
	if s.watch != nil {
		s.watch.Stop()
	}
	return err
}

// close ends everything.
func (s *stage) close(t *teller) error {
	t.say("stopping everything")
	err := s.rest()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return errors.Join(err, s.Close())
}

var errClosed = errors.New("the demo is over")

// alone runs f, which starts or ends processes, when nobody else does, and never once the stage is closed.
func (s *stage) alone(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	return f()
}

// pause lets time go by.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// until asks again and again until it is so, or the context ends.
func until(ctx context.Context, what string, holds func(context.Context) bool) error {
	for !holds(ctx) {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}
