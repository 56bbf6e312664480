// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// inbox gathers what the helpers of the loop report between two ticks.
type inbox struct {
	mu   sync.Mutex
	o    core.Observation
	wake chan struct{}
	// cancelJob ends o.Job early.
	cancelJob func()
}

// begin takes the slot for long actions; false when it is taken.
func (in *inbox) begin(job core.Job, cancel func()) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.o.Job != nil {
		return false
	}
	in.o.Job, in.cancelJob = &job, cancel
	return true
}

// post changes the pending observation and wakes the loop.
func (in *inbox) post(change func(*inbox)) {
	in.mu.Lock()
	change(in)
	in.mu.Unlock()
	in.nudge()
}

// nudge wakes the loop.
func (in *inbox) nudge() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take returns the observation of this tick. What happened once is handed over once; what is, stays.
func (in *inbox) take(now core.Instant, w Watchdog) core.Observation {
	in.mu.Lock()
	defer in.mu.Unlock()
	o := in.o
	in.o.Finished, in.o.Committed = nil, nil
	o.Now, o.Wall = now, time.Now().UnixNano()
	o.WatchdogReady, o.WatchdogPending = w.Ready(), w.Pending()
	if o.Job != nil {
		job := *o.Job
		o.Job = &job
	}
	return o
}
