// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// HealthBound is how long a Health function may take: the answer must be out within a second.
const HealthBound = 800 * time.Millisecond

// checkup asks a Health function without ever waiting longer than HealthBound, and never has two of
// them running: one that hangs is joined, not repeated.
type checkup struct {
	ask func(context.Context) (bool, string)

	mu      sync.Mutex
	pending *finding
}

// finding is one call of the function; its fields are set before done is closed.
type finding struct {
	begun   time.Time
	done    chan struct{}
	healthy bool
	message string
}

func (c *checkup) check(ctx context.Context) (bool, string) {
	f := c.join()
	bound := time.NewTimer(HealthBound)
	defer bound.Stop()
	select {
	case <-f.done:
		return f.healthy, f.message
	case <-ctx.Done():
	case <-bound.C:
	}
	return false, fmt.Sprintf("health check has not answered for %s", time.Since(f.begun).Round(time.Millisecond))
}

// join is the call that runs, or a new one.
func (c *checkup) join() *finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending == nil {
		c.pending = &finding{begun: time.Now(), done: make(chan struct{})}
		go c.run(c.pending)
	}
	return c.pending
}

func (c *checkup) run(f *finding) {
	ctx, cancel := context.WithTimeout(context.Background(), HealthBound)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			f.healthy, f.message = false, fmt.Sprintf("health check panicked: %v", r)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pending = nil
		close(f.done)
	}()
	f.healthy, f.message = c.ask(ctx)
}
