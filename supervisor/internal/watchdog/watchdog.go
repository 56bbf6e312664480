// SPDX-License-Identifier: Apache-2.0

// Package watchdog drives /dev/watchdog: the device resets the host unless the leadership is renewed, so that not
// even a frozen kernel leaves a writable primary behind.
//
// The device is armed before PostgreSQL opens for writes, fed once for each renewal and never otherwise, and let go
// when PostgreSQL is known not to be writable. Four things come in this order after the last renewal, each for when
// those before it failed: the loop kills PostgreSQL, the deadman's kernel timer does, the watchdog resets the host,
// and others may take over. See core.Policy for how their times are kept apart.
//
// # How long the device may be set to
//
// With s the instant before a renewal was sent and w the device's timeout, others count until s + ttl. A feeding at
// t lets the device fire at t + w; feeding is refused when t + w is past the deadline, so the safety margin
// (ttl − w) is what a renewal's answer may take. One gap is left: a process that is frozen between that check and
// the system call, and thawed before the device fires, feeds up to w late, and the device then fires at s + 2w at the
// latest. So 2w ≤ ttl (a safety_margin of half of ttl) is safe by the device alone. With less margin it takes, in
// that gap, the deadman too, whose deadline is absolute and which fires in a frozen process as well; only if the
// kernel freezes right after such a thaw is there nothing left but quorum durability.
package watchdog

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Mode is whether the device is used.
type Mode string

// The modes.
const (
	// Off leaves every device alone, but for stopping one that a former process left armed.
	Off Mode = "off"
	// Automatic uses the device if it can be used when the supervisor starts, and goes without otherwise.
	Automatic Mode = "automatic"
	// Required makes a member without a usable device unable to lead.
	Required Mode = "required"
)

// Config is what a Watchdog needs to know. All fields are required but those that mode Off makes pointless.
type Config struct {
	Mode Mode
	// Device is the absolute path of a character device.
	Device string
	// Timeout is what the device is to be set to, in whole seconds, and RenewEvery the time between two renewals.
	Timeout, RenewEvery time.Duration
	// Record is the path of a file that outlives the process: it names the device that is armed.
	Record string
	// Now reads CLOCK_BOOTTIME.
	Now func() core.Instant
	Log *slog.Logger
	// Kernel is nil for the real one.
	Kernel Kernel
}

// Watchdog implements loop.Watchdog. Only its own goroutine touches the device, because every call to a driver may
// take as long as it likes; the loop posts to it and reads what it last published.
type Watchdog struct {
	Config
	driver driver
	// idle says that there is no device at all to look after.
	idle    bool
	mail    chan core.Instant
	retimes chan times
	changed chan struct{}
	closing chan struct{}
	done    chan struct{}

	verdict atomic.Pointer[verdict]
	// planned is the timeout that the device is to have.
	planned atomic.Int64
	// asked is since when the device has been asked to be armed without an answer; 0 when nothing is asked.
	asked atomic.Int64
}

// verdict is what the goroutine publishes.
type verdict struct {
	// usable: the device is used, or could be. Not usable stays so in mode Automatic.
	usable, armed bool
	message       string
	timeout       time.Duration
	fires         core.Instant
	lastReset     string
}

// patience is how long a driver may take to arm its device before it counts as unusable.
const patience = 5 * core.Second

// closePatience is how long Close waits for a driver.
const closePatience = 3 * time.Second

// New makes a watchdog that has not looked at the device yet.
func New(c Config) *Watchdog {
	if c.Kernel == nil {
		c.Kernel = Linux{}
	}
	w := &Watchdog{
		Config: c, mail: make(chan core.Instant, 1), retimes: make(chan times, 1), changed: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	w.driver = driver{Config: c}
	w.planned.Store(int64(c.Timeout))
	w.verdict.Store(&verdict{})
	return w
}

// Start looks at the device, once and without arming it, and begins to serve Hold. It is called once.
func (w *Watchdog) Start() {
	if w.Mode == Off {
		w.driver.inherit()
		w.idle = w.driver.former == nil
	} else {
		w.driver.begin()
		w.publish()
	}
	if !w.idle {
		go w.run()
	}
}

// Close carries out the last Hold and ends. A device that is armed then stays so: it resets the host unless the next
// process feeds it in time.
func (w *Watchdog) Close() {
	if w.idle {
		return
	}
	close(w.closing)
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-w.done:
	case <-patience.C:
		w.Log.Warn("watchdog device does not answer", "device", w.Device)
	}
}

// Reserve is the timeout to plan with: 0 when no device is used. It is settled by Start, and by Retime.
func (w *Watchdog) Reserve() core.Span {
	if w.Mode == Required || w.Mode == Automatic && w.verdict.Load().usable {
		return core.Span(w.planned.Load())
	}
	return 0
}

// Hold posts what core.WatchdogUntil says, and returns at once. One goroutine calls it.
func (w *Watchdog) Hold(until core.Instant) {
	if w.idle {
		return
	}
	if until > core.LongPast && !w.verdict.Load().armed {
		w.asked.CompareAndSwap(0, int64(w.Now()))
	}
	select {
	case <-w.mail: // what was not read yet is outdated
	default:
	}
	w.mail <- until
}

// Ready is false in mode Required without a usable device.
func (w *Watchdog) Ready() bool { return w.Mode != Required || w.usable() }

// Pending is true while the device is usable and not armed.
func (w *Watchdog) Pending() bool { return w.Mode != Off && w.usable() && !w.verdict.Load().armed }

func (w *Watchdog) usable() bool { return w.verdict.Load().usable && !w.stuck() }

// stuck: the driver has not come back from arming the device.
func (w *Watchdog) stuck() bool {
	asked := core.Instant(w.asked.Load())
	return asked != 0 && w.Now().Sub(asked) >= patience
}

// Changed is sent to when Ready, Pending or Status changed.
func (w *Watchdog) Changed() <-chan struct{} { return w.changed }

// Status tells how the device is.
func (w *Watchdog) Status() status.Watchdog {
	v := w.verdict.Load()
	s := status.Watchdog{
		Mode: string(w.Mode), Armed: v.armed, Failed: !w.Ready(), Message: v.message,
		Timeout: v.timeout, Fires: v.fires, LastReset: v.lastReset,
	}
	if w.Mode != Off && w.stuck() {
		s.Message = fmt.Sprintf("%s does not answer", w.Device)
	}
	return s
}
