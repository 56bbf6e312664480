// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

var (
	errAlarmOnly = errors.New("the driver says that the device cannot reset the host")
	errNoDog     = errors.New("not a watchdog")
)

// arm makes the device run with our timeout, and feeds it. A device that will not do is stopped again; if
// it cannot be stopped it stays, is fed, and does not count as usable.
func (d *driver) arm(until core.Instant) {
	d.note()
	if d.file == nil {
		f, err := d.Kernel.Open(d.Device)
		if err != nil {
			d.fail("not opened", err)
			return
		}
		d.file = f
	}
	if err := d.prepare(); err != nil {
		d.fail("not armed", err)
		if !d.nowayout {
			d.giveBack(err)
			return
		}
	}
	d.armed, d.retimed = true, false
	d.Log.Info("watchdog armed", "device", d.Device, "identity", d.identity, "timeout", d.Timeout, "warning", d.warning)
	d.feed(until)
}

// prepare asks the device what it is and sets it. It leaves warning as it should be.
func (d *driver) prepare() error {
	if err := d.ask(); err != nil {
		return err
	}
	if d.options&unix.WDIOF_ALARMONLY != 0 {
		return errAlarmOnly
	}
	want := int(d.Timeout / time.Second)
	if d.options&unix.WDIOF_SETTIMEOUT != 0 {
		if err := d.file.SetTimeout(want); err != nil {
			return fmt.Errorf("timeout of %d s refused: %w", want, err)
		}
	}
	got, err := d.file.Timeout()
	if err != nil {
		return fmt.Errorf("timeout not told: %w", err)
	}
	d.timeout = time.Duration(got) * time.Second
	d.warning = d.caveat(got, want)
	return d.judge(got, want)
}

// ask asks an open device what it is.
func (d *driver) ask() error {
	options, identity, err := d.file.Support()
	if err != nil {
		return fmt.Errorf("%w: %w", errNoDog, err)
	}
	d.options, d.identity = options, identity
	return nil
}

// judge compares the timeout the driver made of ours. A longer one does no harm where a watchdog is merely used, but
// promises nothing; a shorter one would reset hosts before the loop could end PostgreSQL.
func (d *driver) judge(got, want int) error {
	if got < want || got > want && d.Mode == Required {
		return fmt.Errorf("set to %d s, the driver made it %d s; a safety_margin of ttl less %d s fits it", want, got, got)
	}
	return nil
}

// caveat is what an operator should know of the device.
func (d *driver) caveat(got, want int) string {
	switch {
	case d.nowayout:
		return fmt.Sprintf("%s cannot be stopped (nowayout): the host is reset %d s after the supervisor ends", d.Device, got)
	case got > want:
		return fmt.Sprintf("%s is set to %d s instead of %d s: others may lead before it resets the host", d.Device, got, want)
	case d.options&unix.WDIOF_MAGICCLOSE == 0:
		return fmt.Sprintf("%s stops when the supervisor dies (no magic close)", d.Device)
	}
	return ""
}

// giveBack closes a device that will not do; the failure that led to it stays the one that is told.
func (d *driver) giveBack(why error) {
	if errors.Is(why, errNoDog) {
		d.file.Close()
		d.file, d.armed = nil, false
		return
	}
	problem := d.problem
	d.stop()
	d.problem = problem
}

// explain adds what an operator can do.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.EBUSY):
		return "another process has it open (systemd, with RuntimeWatchdogSec?)"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "permission denied (a udev rule can give it to the user who runs pgvigild)"
	case errors.Is(err, unix.ENOENT):
		return "no such device (is the driver's module loaded?)"
	}
	return err.Error()
}
