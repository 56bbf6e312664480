// SPDX-License-Identifier: Apache-2.0

package checker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Target is a server to watch.
type Target struct {
	Name string
	// Connect must work while the server's network is cut off.
	Connect func(context.Context) (*pgx.Conn, error)
	// Epoch tells under which epoch the server's supervisor says to be primary now; false when it does not say so.
	// It may be nil.
	Epoch func(context.Context) (uint64, bool)
}

// Checker samples its targets until it is stopped.
type Checker struct {
	// Every is the time between two samples of a target, default 20 ms; Deadline of a sample, default 200 ms.
	Every, Deadline time.Duration
	// Deposed is how long a replaced primary may stay writable beside a newer one; the ledger tells whether it acknowledged
	// anything (ledger.Overtaken). 0: two writable primaries are never right.
	Deposed time.Duration

	mu        sync.Mutex
	intervals []Interval
	current   map[string]int // index into intervals by target
	epochs    map[uint64]map[string]bool
	answered  map[string]boottime.Instant
	cancel    context.CancelFunc
	group     sync.WaitGroup
}

// Start watches the targets. Each is sampled on its own, so that one that hangs does not blind the others.
func (c *Checker) Start(targets ...Target) {
	if c.Every == 0 {
		c.Every = 20 * time.Millisecond
	}
	if c.Deadline == 0 {
		c.Deadline = 200 * time.Millisecond
	}
	c.current, c.epochs = make(map[string]int), make(map[uint64]map[string]bool)
	c.answered = make(map[string]boottime.Instant)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for _, target := range targets {
		c.group.Go(func() { c.watch(ctx, target) })
		if target.Epoch != nil {
			c.group.Go(func() { c.watchEpoch(ctx, target) })
		}
	}
}

// Stop ends the watch. Nothing is lost by calling it again.
func (c *Checker) Stop() {
	c.cancel()
	c.group.Wait()
}

// Violations are the sentences of what must never be and was seen so far; none when all is well.
func (c *Checker) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := violations(c.intervals, c.Deposed)
	for epoch, nodes := range c.epochs {
		if len(nodes) > 1 {
			found = append(found, sharedEpoch(epoch, nodes))
		}
	}
	return found
}

// Beside is the longest time that two servers were certainly writable at once.
func (c *Checker) Beside() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return longestOverlap(c.intervals)
}

// Intervals are the times at which servers were seen writable, in the order of their beginnings.
func (c *Checker) Intervals() []Interval {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.intervals)
}

// Answered is when a target last answered a sample; 0 when it never did.
func (c *Checker) Answered(name string) boottime.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered[name]
}

// LastWritable is the latest instant at which a target was certainly writable; 0 when it never was.
func (c *Checker) LastWritable(name string) boottime.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	var last boottime.Instant
	for _, interval := range c.intervals {
		if interval.Node == name {
			last = max(last, interval.Last.Asked)
		}
	}
	return last
}

// add enters a sample.
func (c *Checker) add(name string, s sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered[name] = s.window.Answered
	if !s.writable {
		delete(c.current, name)
		return
	}
	if i, ok := c.current[name]; ok && c.intervals[i].continues(s) {
		c.intervals[i].Last = s.window
		c.intervals[i].Samples++
		return
	}
	c.current[name] = len(c.intervals)
	c.intervals = append(c.intervals, Interval{
		Node: name, Incarnation: s.incarnation, Timeline: s.timeline, First: s.window, Last: s.window, Samples: 1,
	})
}

func (c *Checker) addEpoch(name string, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epochs[epoch] == nil {
		c.epochs[epoch] = make(map[string]bool)
	}
	c.epochs[epoch][name] = true
}

func sharedEpoch(epoch uint64, nodes map[string]bool) string {
	names := make([]string, 0, len(nodes))
	for name := range nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return "two primaries in epoch " + formatEpoch(epoch) + ": " + strings.Join(names, ", ")
}
