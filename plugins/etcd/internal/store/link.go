// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/stats"
)

// link watches one endpoint's connection from inside grpc. It answers what statuses cannot: whether a call
// was sent at all, whether the server was heard of lately, and when the connection was lost.
type link struct {
	born  time.Time
	heard atomic.Int64 // ns after born of the last message from the server; 0 is never

	mu    sync.Mutex
	state uint64        // grows with every connection made or lost; odd while connected
	lost  chan struct{} // closed when the current connection ends
}

func newLink() *link {
	return &link{born: time.Now(), lost: make(chan struct{})}
}

// heardWithin tells whether the server sent anything in the last d.
func (l *link) heardWithin(d time.Duration) bool {
	at := l.heard.Load()
	return at != 0 && time.Since(l.born)-time.Duration(at) <= d
}

// current returns the state of the connection and a channel that is closed when it, or the next one, ends.
func (l *link) current() (state uint64, lost <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.lost
}

// up tells whether a state is that of a standing connection.
func up(state uint64) bool { return state%2 == 1 }

// sentMark is set once a call's header was handed to the connection.
type sentMark struct{ sent atomic.Bool }

type sentKey struct{}

// withSentMark returns a context whose calls set the mark when they are sent.
func withSentMark(ctx context.Context) (context.Context, *sentMark) {
	m := new(sentMark)
	return context.WithValue(ctx, sentKey{}, m), m
}

// TagRPC implements stats.Handler.
func (l *link) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (l *link) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (l *link) HandleRPC(ctx context.Context, s stats.RPCStats) {
	switch s.(type) {
	case *stats.OutHeader:
		if m, ok := ctx.Value(sentKey{}).(*sentMark); ok {
			m.sent.Store(true)
		}
	case *stats.InHeader, *stats.InPayload, *stats.InTrailer:
		l.heard.Store(int64(time.Since(l.born)))
	}
}

// HandleConn implements stats.Handler.
func (l *link) HandleConn(_ context.Context, s stats.ConnStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.(type) {
	case *stats.ConnBegin: // the balancer holds one connection per address, and there is one address
		l.state |= 1
	case *stats.ConnEnd:
		l.heard.Store(0)
		l.state = (l.state | 1) + 1
		close(l.lost)
		l.lost = make(chan struct{})
	}
}
