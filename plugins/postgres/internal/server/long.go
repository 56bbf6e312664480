// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// stream is that of a long call.
type stream = grpc.ServerStreamingServer[pluginv1.Progress]

// runLong does the work of a long call: alone among them, with its progress sent at once and every second,
// and with a picture of the outcome published before it ends well.
func (s *Server) runLong(out stream, work func(context.Context, *progress) error) error {
	select {
	case s.long <- struct{}{}:
		defer func() { <-s.long }()
	default:
		return status.Error(codes.FailedPrecondition, "another long call is running")
	}
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	defer s.observer.Hurry()()
	p := newProgress()
	var sender sync.WaitGroup
	sender.Go(func() {
		if p.send(out) != nil {
			cancel()
		}
	})
	err := work(ctx, p)
	p.done(s.observer.Settle())
	if shown := s.show(ctx); err == nil {
		err = shown
	}
	p.end()
	sender.Wait()
	return toStatus(err)
}

// show waits, for a short time, until the observer has seen what was done.
func (s *Server) show(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := s.observer.Refresh(short)
	if ctx.Err() == nil {
		return nil
	}
	return err
}

// progress is the latest word on a long call.
type progress struct {
	mu    sync.Mutex
	now   *pluginv1.Progress
	news  chan struct{}
	ended chan struct{}
}

func newProgress() *progress {
	return &progress{now: &pluginv1.Progress{Phase: "beginning"}, news: make(chan struct{}, 1), ended: make(chan struct{})}
}

// phase says what is going on; message may be empty.
func (p *progress) phase(name, message string) { p.set(name, 0, 0, message) }

func (p *progress) set(name string, done, total uint64, message string) {
	p.mu.Lock()
	p.now = &pluginv1.Progress{Phase: name, DoneBytes: done, TotalBytes: total, Message: message}
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *progress) latest() *pluginv1.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// done notes when the work ended; the last message says so.
func (p *progress) done(at int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = proto.CloneOf(p.now)
	p.now.DoneAtBoottimeNs = at
}

func (p *progress) end() { close(p.ended) }

// send sends news as they come, and what is known every second, until end.
func (p *progress) send(out stream) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := out.Send(p.latest()); err != nil {
			return err
		}
		select {
		case <-p.ended:
			return out.Send(p.latest())
		case <-p.news:
		case <-tick.C:
		}
	}
}
