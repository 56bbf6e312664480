// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCheckupHangs: a check that hangs is reported as unhealthy within the bound and joined, not repeated.
func TestCheckupHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		release := make(chan struct{})
		c := &checkup{ask: func(context.Context) (bool, string) {
			calls.Add(1)
			<-release
			return true, "fine"
		}}
		for range 3 {
			began := time.Now()
			if healthy, message := c.check(t.Context()); healthy || message == "" {
				t.Errorf("got %t, %q, want unhealthy with a message", healthy, message)
			}
			if took := time.Since(began); took != HealthBound {
				t.Errorf("took %s, want %s", took, HealthBound)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		close(release)
		synctest.Wait()
		if healthy, message := c.check(t.Context()); !healthy || message != "fine" {
			t.Errorf("got %t, %q after it came back", healthy, message)
		}
	})
}

func TestCheckupBoundsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checkup{ask: func(ctx context.Context) (bool, string) {
			<-ctx.Done()
			return false, "gave up"
		}}
		c.check(t.Context())
		synctest.Wait()
		if c.pending != nil {
			t.Error("the check still runs after its context ended")
		}
	})
}

func TestCheckupPanics(t *testing.T) {
	c := &checkup{ask: func(context.Context) (bool, string) { panic("no") }}
	if healthy, message := c.check(t.Context()); healthy || message != "health check panicked: no" {
		t.Errorf("got %t, %q", healthy, message)
	}
}

func TestCheckupCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checkup{ask: func(ctx context.Context) (bool, string) { <-ctx.Done(); return false, "" }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began := time.Now()
		c.check(ctx)
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("took %s after the caller left at 1ms", took)
		}
		c.check(t.Context())
	})
}
