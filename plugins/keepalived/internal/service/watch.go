// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/haproxy"
)

const (
	// calm is the time between two looks while HAProxy has a route, eager while it has none: the address waits for it.
	calm, eager = 2 * time.Second, 200 * time.Millisecond
	// pace is the least time between two looks, also if HAProxy closes every connection at once.
	pace = 50 * time.Millisecond
	// answering bounds one question to HAProxy.
	answering = time.Second
)

// look brings what is known up to date, and the file in line with it. The error is that the file was not written, or that
// ctx ended before: then nothing was changed.
func (s *Service) look(ctx context.Context) error {
	s.forget(ctx)
	s.mu.Lock()
	body := s.body
	s.mu.Unlock()
	var said proxy
	if body.Follow == conf.FollowHAProxy {
		said = askProxy(ctx, body)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proxy.servers, s.proxy.err = said.servers, said.err
	return s.settle()
}

func askProxy(ctx context.Context, body conf.Body) (said proxy) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	said.servers, said.err = haproxy.Servers(ctx, body.HAProxySocket, body.HAProxyBackend)
	return said
}

// resumeWatch looks again and again, in a goroutine, until pauseWatch.
func (s *Service) resumeWatch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			s.wait(ctx)
			_ = s.look(ctx) // Health tells
		}
	}()
	s.unwatch = func() {
		cancel()
		<-done
	}
}

func (s *Service) pauseWatch() {
	if s.unwatch != nil {
		s.unwatch()
	}
	s.unwatch = nil
}

// wait returns when the next look is due: after a time, when HAProxy ends, or when the value of the file has changed.
func (s *Service) wait(ctx context.Context) {
	nap, wake := context.WithCancel(ctx)
	defer wake()
	s.mu.Lock()
	body, value, heard := s.body, s.file.Value(), s.told.at
	s.wake = wake
	s.mu.Unlock()
	rest := time.NewTimer(pace)
	defer rest.Stop()
	switch {
	case body.Follow == conf.FollowPrimary:
		sleep(nap, max(silence-time.Since(heard), calm))
	case value >= routed:
		haproxy.Wait(nap, body.HAProxySocket, calm)
	default:
		haproxy.Wait(nap, body.HAProxySocket, eager)
	}
	select {
	case <-ctx.Done():
	case <-rest.C:
	}
}

func sleep(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
