// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// lifecycle knows how far a plugin has come (new, configured, stopped) and which calls of its kind run.
type lifecycle struct {
	// streams is cancelled when the plugin stops.
	streams context.Context
	cancel  context.CancelFunc

	mu         sync.Mutex
	configured bool
	stopped    bool
	running    int
	// idle is closed once the plugin is stopped and no call runs any more.
	idle chan struct{}
}

func newLifecycle() *lifecycle {
	ctx, cancel := context.WithCancel(context.Background())
	return &lifecycle{streams: ctx, cancel: cancel, idle: make(chan struct{})}
}

// enter admits a call of the kind; leave must be called when it is over.
func (l *lifecycle) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return status.Error(codes.Unavailable, "plugin is stopped")
	}
	if !l.configured {
		return status.Error(codes.FailedPrecondition, "plugin is not configured")
	}
	l.running++
	return nil
}

func (l *lifecycle) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	if l.stopped && l.running == 0 {
		close(l.idle)
	}
}

// configure marks the plugin as configured.
func (l *lifecycle) configure() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.configured = true
}

// state tells how far the plugin has come.
func (l *lifecycle) state() (configured, stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.configured, l.stopped
}

// stop refuses new calls and cancels the streams; the channel is closed when no call runs any more.
func (l *lifecycle) stop() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return l.idle
	}
	l.stopped = true
	l.cancel()
	if l.running == 0 {
		close(l.idle)
	}
	return l.idle
}
