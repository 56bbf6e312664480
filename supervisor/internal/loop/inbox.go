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
	// calm says that the last tick left nothing under way: what is quiet then waits for the next.
	calm bool
	// cancelJob ends o.Job early.
	cancelJob func()
	// lives counts the lives of PostgreSQL: what a launcher says is true of the one it was asked in.
	lives int
	// flying are the purposes of commits under way, and of those that landed and are not taken yet.
	flying map[core.CommitPurpose]bool
	landed []core.CommitPurpose
	// again begins a new stream of reports about PostgreSQL.
	again func()
	// reapply says that PostgreSQL's settings are to be brought in force again.
	reapply bool
	// policy is what SetPolicy was given last, until it is in force.
	policy *core.Policy
}

// fly takes the lane of a purpose; false when it is taken.
func (in *inbox) fly(p core.CommitPurpose) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.flying[p] {
		return false
	}
	in.flying[p] = true
	return true
}

// land gives the lane of a purpose back with the next take: plans made before know nothing of what was reported.
// The caller holds mu.
func (in *inbox) land(p core.CommitPurpose) { in.landed = append(in.landed, p) }

// answer adds what became of a commit. The caller holds mu.
func (in *inbox) answer(c core.Committed) { in.o.Committed = append(in.o.Committed, c) }

// picture takes a picture of the DCS, and wakes the loop unless it can wait. self is this member's name.
func (in *inbox) picture(v *core.View, self string) {
	in.mu.Lock()
	quiet := in.calm && core.QuietView(in.o.View, v, self)
	in.o.View = v
	in.mu.Unlock()
	if !quiet {
		in.nudge()
	}
}

// report takes a report about PostgreSQL as server does, and wakes the loop unless it can wait.
func (in *inbox) report(pg core.Postgres) (another bool) {
	in.mu.Lock()
	quiet := in.calm && core.QuietPostgres(in.o.Postgres, &pg)
	another = in.server(pg)
	in.mu.Unlock()
	if !quiet {
		in.nudge()
	}
	return another
}

// settle notes whether what is quiet may wait until the next tick.
func (in *inbox) settle(calm bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.calm = calm
}

// server takes a report about PostgreSQL, unless it is older than the last one, and tells whether another life began
// with it: nothing is known of its deadman. The caller holds mu.
func (in *inbox) server(pg core.Postgres) (another bool) {
	old := in.o.Postgres
	if old != nil && pg.At < old.At {
		return false
	}
	in.o.Postgres = &pg
	if old != nil && old.PostmasterPID == pg.PostmasterPID && old.Launched == pg.Launched {
		return false
	}
	in.o.Deadman = core.Deadman{}
	in.lives++
	return true
}

// life tells which life of PostgreSQL this is.
func (in *inbox) life() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.lives
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

// observing notes how to begin a new stream of reports.
func (in *inbox) observing(again func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.again = again
}

// observeAgain begins a new stream of reports.
func (in *inbox) observeAgain() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.again != nil {
		in.again()
	}
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
func (in *inbox) take(now core.Instant, w Watchdog, p Peers) core.Observation {
	in.mu.Lock()
	defer in.mu.Unlock()
	o := in.o
	in.o.Finished, in.o.Committed = nil, nil
	for _, p := range in.landed {
		delete(in.flying, p)
	}
	in.landed = nil
	in.calm = false
	o.Now, o.Wall = now, time.Now().UnixNano()
	o.WatchdogReady, o.WatchdogPending = w.Ready(), w.Pending()
	o.Heard, o.Probe = p.Heard(), p.Probed()
	if o.Job != nil {
		job := *o.Job
		o.Job = &job
	}
	return o
}

// takeReapply tells, once, that Reapply was called.
func (in *inbox) takeReapply() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	defer func() { in.reapply = false }()
	return in.reapply
}

// takePolicy replaces a policy by what SetPolicy was given last.
func (in *inbox) takePolicy(p *core.Policy) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.policy != nil {
		in.policy.Self, in.policy.Routers = p.Self, p.Routers
		*p, in.policy = *in.policy, nil
	}
}
