// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"os"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// note writes down which device is going to be armed, for the process that comes after this one.
func (d *driver) note() {
	if err := os.WriteFile(d.Record, []byte(d.Device), 0o600); err != nil {
		d.Log.Warn("watchdog device not noted", "device", d.Device, "error", err)
	}
}

// strike takes the note back.
func (d *driver) strike() {
	if d.noted() == d.Device {
		_ = os.Remove(d.Record) // a device that does not run is left alone anyway
	}
}

// noted is the device that was armed last, empty if it was stopped.
func (d *driver) noted() string {
	text, _ := os.ReadFile(d.Record)
	return string(text)
}

// inherit opens a device that a former process left armed and that the configuration no longer has fed: it names another
// one, or none, or a ttl too short for one.
func (d *driver) inherit() {
	old := &driver{Config: d.Config}
	old.Device = d.noted()
	if old.Device == "" || old.Device == d.Device && d.file != nil || old.attribute("state") != "active" {
		return
	}
	file, err := d.Kernel.Open(old.Device)
	if err != nil { // this is our device by another name, or somebody else's by now
		d.Log.Warn("watchdog that was left armed is not taken over", "device", old.Device, "error", err)
		return
	}
	old.file = file
	if err := old.ask(); err != nil {
		old.giveBack(err)
		return
	}
	d.former = old
}

// relieve stops the former device once it has nothing to guard, or ours guards, or the leadership is in force and may do
// without. It fires if PostgreSQL may be writable without a leadership.
func (d *driver) relieve(until core.Instant) {
	without := until > d.Now() && (d.Mode == Off || !d.usable())
	if d.former != nil && (until == 0 || d.armed || without) {
		d.former.stop()
		d.former = nil
	}
}
