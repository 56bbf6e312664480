// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// driver is the device as the goroutine of Watchdog knows it. Its calls may block for as long as the kernel likes.
type driver struct {
	Config
	// excluded is why the device is not used before the supervisor starts again; problem why it cannot be used now.
	excluded, problem string
	// failedAt is when arming failed; for a while it is not tried again.
	failedAt core.Instant
	// warning is what an operator should know of a device that is used.
	warning string

	// former is a device to be stopped, which was left armed by a process with another configuration; nil for none.
	former *driver

	// file is open from when the device runs to when it was stopped. armed says that it also has its timeout.
	file  File
	armed bool
	// retimed says that an armed device has a timeout of before.
	retimed  bool
	options  uint32
	identity string
	nowayout bool
	// timeout is what the driver made of ours, and fires when the device resets the host unless it is fed; 0 for not known.
	timeout time.Duration
	fires   core.Instant
	// lastReset is what made the host boot, as far as the driver knows.
	lastReset string
	// fed is the deadline the device was last fed for, late the last one it was not fed for because the renewal took
	// too long, pulsed when a device that cannot be stopped was last fed without one.
	fed, late, pulsed core.Instant
	// unfed says that problem is about feeding, which the next success ends.
	unfed bool
}

// retryAfter is how long a device that could not be armed is left alone: meanwhile other members may lead.
const retryAfter = 60 * core.Second

// pulseEvery is how often a device that cannot be stopped is fed while PostgreSQL is not writable here.
const pulseEvery = core.Second

func (d *driver) usable() bool { return d.excluded == "" && d.problem == "" }

func (d *driver) message() string {
	switch {
	case d.excluded != "":
		return d.excluded
	case d.problem != "":
		return d.problem
	case d.file != nil:
		return d.warning
	}
	return ""
}

// hold does what core.WatchdogUntil asks for: a later deadline than the last arms or feeds, the same one does nothing, none
// stops the device.
func (d *driver) hold(until core.Instant) {
	defer d.relieve(until)
	if until > core.LongPast {
		d.fed = min(d.fed, until) // a shorter leadership is in force: the next renewal counts all the same
	}
	switch {
	case d.Mode == Off || d.excluded != "" && d.file == nil:
	case until == 0:
		d.release()
	case until == core.LongPast:
	case d.retimed && d.fits(d.Timeout, until):
		d.arm(until)
	case until <= d.fed:
	case !d.fits(d.inForce(), until):
		d.refuse(until)
	case d.armed:
		d.feed(until)
	case d.problem == "":
		d.arm(until)
	}
}

// fits tells whether a device that is fed now would fire before a deadline.
func (d *driver) fits(timeout time.Duration, until core.Instant) bool {
	return d.Now().Add(core.Span(timeout)) <= until
}

// inForce is the timeout that a feeding starts.
func (d *driver) inForce() time.Duration {
	if d.retimed {
		return d.timeout
	}
	return d.Timeout
}

// refuse leaves the device unfed: fed now, it would fire only after others may lead.
func (d *driver) refuse(until core.Instant) {
	if until == d.late {
		return
	}
	d.late = until
	d.Log.Warn("renewal too late to feed the watchdog", "left", time.Duration(until.Sub(d.Now())), "timeout", d.inForce())
}

// feed gives the device its timeout once more.
func (d *driver) feed(until core.Instant) {
	if d.keepalive() {
		d.fed = until
	}
}

// keepalive feeds by the means the driver has, and tells whether it worked.
func (d *driver) keepalive() bool {
	var err error
	fires := d.Now().Add(core.Span(d.timeout))
	if d.options&unix.WDIOF_KEEPALIVEPING != 0 {
		err = d.file.Keepalive()
	} else {
		_, err = d.file.Write([]byte{0})
	}
	if err != nil {
		d.fail("not fed", err)
		d.unfed = true
		return false
	}
	d.fires = fires
	if d.unfed {
		d.problem, d.unfed = "", false
	}
	return true
}

// release stops the device, or keeps one that cannot be stopped from resetting a host that has no primary.
func (d *driver) release() {
	d.fed, d.late = 0, 0
	switch {
	case d.file == nil:
	case !d.nowayout:
		d.stop()
	case d.Now().Sub(d.pulsed) >= pulseEvery:
		d.pulsed = d.Now()
		d.keepalive()
	}
}

// stop closes the device so that it does not fire.
func (d *driver) stop() {
	if d.options&unix.WDIOF_MAGICCLOSE != 0 {
		if _, err := d.file.Write([]byte("V")); err != nil {
			d.fail("not stopped", err)
			d.nowayout = true // from now on it is fed instead
			return
		}
	}
	err := d.file.Close()
	d.file, d.armed, d.retimed, d.warning, d.timeout, d.fires = nil, false, false, "", 0, 0
	if err != nil {
		d.fail("not stopped", err)
		return
	}
	if d.attribute("state") == "active" {
		d.problem = d.Device + ": still runs after it was closed, the host is going to be reset"
		d.failedAt = d.Now()
		d.Log.Error("watchdog not stopped", "device", d.Device)
		return
	}
	d.strike()
	d.Log.Info("watchdog disarmed", "device", d.Device)
}

// leave says what becomes of a device that runs when the supervisor ends. Its descriptor is left to the kernel, which
// closes it at the very end.
func (d *driver) leave() {
	if d.file != nil {
		d.Log.Warn("watchdog left armed", "device", d.Device, "resets_within", d.Timeout)
	}
}

// fail notes that something did not work, and logs it if it is news.
func (d *driver) fail(what string, err error) {
	text := d.Device + ": " + what + ": " + explain(err)
	if text != d.problem {
		d.Log.Error("watchdog failed", "device", d.Device, "problem", what, "error", err)
	}
	d.problem, d.failedAt = text, d.Now()
}
