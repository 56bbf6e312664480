// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// times are what a running supervisor may be given anew.
type times struct {
	timeout, renewEvery time.Duration
	taken               chan struct{}
}

// Retime gives the device another timeout, where it is armed as soon as that fires before the deadline it is armed for, and returns the
// timeout to plan with (see Reserve). A device whose driver will not have it is stopped, and not usable.
func (w *Watchdog) Retime(timeout, renewEvery time.Duration) core.Span {
	w.planned.Store(int64(timeout))
	if w.idle {
		return 0
	}
	t := times{timeout, renewEvery, make(chan struct{})}
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-w.retimes: // what was not read yet is outdated
	default:
	}
	w.retimes <- t
	select {
	case <-t.taken:
	case <-w.done:
	case <-patience.C:
		w.Log.Warn("watchdog device does not answer, it is given its timeout later", "device", w.Device)
	}
	return w.Reserve()
}

// retime takes other times over. A device that is armed has them from a hold on that allows for it.
func (d *driver) retime(t times) {
	d.Timeout, d.RenewEvery = t.timeout, t.renewEvery
	switch short := d.tooFast(); {
	case d.Mode == Off:
	case short != "" && d.excluded == "":
		d.excluded = short
		d.retire()
	case short == "" && d.excluded == tooShort:
		d.excluded = ""
		d.first()
	default:
		d.retimed = d.armed && d.timeout != d.Timeout
	}
}

// retire leaves a device that is armed to relieve.
func (d *driver) retire() {
	if d.file != nil {
		old := *d
		d.former, d.file, d.armed, d.retimed, d.fed = &old, nil, false, false, 0
	}
}
