// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"fmt"
	"time"
)

// SilenceError tells that a stream of a plugin brought nothing for longer than the protocol allows.
type SilenceError struct {
	Plugin string
	Bound  time.Duration
}

// Error names plugin and bound.
func (e *SilenceError) Error() string {
	return fmt.Sprintf("plugin %s was silent for %s", e.Plugin, e.Bound)
}

// vigil cancels a stream that is silent for too long.
type vigil struct {
	context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	bound  time.Duration
}

// keepVigil begins with a bound; end must be called.
func (s *session) keepVigil(ctx context.Context, bound time.Duration) *vigil {
	ctx, cancel := context.WithCancelCause(ctx)
	return &vigil{Context: ctx, cancel: cancel, bound: bound, timer: time.AfterFunc(bound, func() {
		s.suspect()
		cancel(&SilenceError{Plugin: s.spec.Name, Bound: bound})
	})}
}

// heard begins the bound anew.
func (v *vigil) heard() { v.timer.Reset(v.bound) }

// rest ends the watching, but not the stream.
func (v *vigil) rest() { v.timer.Stop() }

func (v *vigil) end() {
	v.timer.Stop()
	v.cancel(nil)
}

// because is the silence, if that ended the stream, and err otherwise.
func (v *vigil) because(err error) error {
	if silence, ok := context.Cause(v).(*SilenceError); ok {
		return silence
	}
	return err
}
