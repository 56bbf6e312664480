// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// begin looks at the device for the first time. One that is running already and that nobody has open is ours: a
// former process of this supervisor left it so. It is taken over unfed, to be fed or stopped by the first hold.
func (d *driver) begin() {
	if d.excluded = d.tooFast(); d.excluded == "" {
		d.first()
	}
	d.inherit()
	switch {
	case d.excluded != "":
		d.Log.Info("watchdog not used", "reason", d.excluded)
	case d.problem != "":
		d.Log.Error("watchdog not usable", "reason", d.problem)
	default:
		d.Log.Info("watchdog found", "device", d.Device, "identity", d.attribute("identity"), "nowayout", d.nowayout)
	}
}

func (d *driver) first() {
	d.problem = d.examine()
	if d.problem == "" {
		d.tellReset()
		if d.attribute("state") == "active" {
			d.adopt()
		}
	}
	if d.Mode == Automatic {
		d.excluded = d.problem
	}
}

// tooFast is why the times do not allow an automatic watchdog: one lost renewal must not reset the host, and devices
// count whole seconds.
func (d *driver) tooFast() string {
	if d.Timeout >= time.Second && (d.Mode == Required || d.Timeout >= 2*d.RenewEvery) {
		return ""
	}
	return tooShort
}

const tooShort = "ttl is too short for a watchdog of whole seconds"

// adopt opens a device that runs.
func (d *driver) adopt() {
	f, err := d.Kernel.Open(d.Device)
	if err != nil {
		d.fail("not opened", err)
		return
	}
	d.file = f
	if err := d.ask(); err != nil {
		d.fail("not armed", err)
		d.giveBack(err)
	}
}

// look looks at a device that is not open, whether it could be armed.
func (d *driver) look() {
	if d.Mode == Off || d.file != nil || d.excluded != "" || d.problem != "" && d.Now().Sub(d.failedAt) < retryAfter && d.failedAt != 0 {
		return
	}
	d.failedAt = 0
	problem := d.examine()
	if problem == "" && d.attribute("state") == "active" {
		problem = d.Device + ": " + explain(unix.EBUSY)
	}
	if problem != d.problem {
		d.Log.Info("watchdog looked at", "device", d.Device, "problem", problem)
	}
	d.problem = problem
}

var errOrdinary = errors.New("not a character device")

// examine says what stands in the way of opening the device; empty for nothing. It does not arm it.
func (d *driver) examine() string {
	character, _, err := d.Kernel.Stat(d.Device)
	if err == nil && !character {
		err = errOrdinary // the package "watchdog" of some distributions leaves an ordinary file there
	}
	if err == nil {
		err = d.Kernel.Writable(d.Device)
	}
	if err != nil {
		return d.Device + ": " + explain(err)
	}
	d.nowayout = d.attribute("nowayout") == "1"
	return ""
}

// tellReset says, once for each start, that it was the watchdog that reset the host.
func (d *driver) tellReset() {
	if d.lastReset = LastReset(d.attribute("bootstatus")); strings.Contains(d.lastReset, ByWatchdog) {
		d.Log.Warn("the watchdog reset this host before it booted", "device", d.Device)
	}
}

// ByWatchdog is the cause of a reset by the device itself.
const ByWatchdog = "watchdog"

// causes of resets, by their bits.
var causes = []struct {
	bit  uint64
	name string
}{
	{unix.WDIOF_CARDRESET, ByWatchdog}, {unix.WDIOF_OVERHEAT, "overheating"}, {unix.WDIOF_FANFAULT, "fan failed"},
	{unix.WDIOF_POWERUNDER, "power too low"}, {unix.WDIOF_POWEROVER, "power too high"},
	{unix.WDIOF_EXTERN1, "external relay 1"}, {unix.WDIOF_EXTERN2, "external relay 2"},
}

// LastReset is what a driver's attribute "bootstatus" says made the host boot; empty when it knows of nothing.
func LastReset(bootstatus string) string {
	bits, err := strconv.ParseUint(bootstatus, 0, 32)
	if err != nil {
		return ""
	}
	var found []string
	for _, c := range causes {
		if bits&c.bit != 0 {
			found = append(found, c.name)
		}
	}
	return strings.Join(found, ", ")
}

// attribute is what the kernel tells of the device, empty if it does not.
func (d *driver) attribute(name string) string {
	_, device, err := d.Kernel.Stat(d.Device)
	if err != nil {
		return ""
	}
	text, err := d.Kernel.Attribute(device, name)
	if err != nil {
		return ""
	}
	return text
}
