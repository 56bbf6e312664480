// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// lookEvery is how often a device that is not armed is looked at.
const lookEvery = 5 * time.Second

// run owns the driver.
func (w *Watchdog) run() {
	defer close(w.done)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var retimed times
		select {
		case until := <-w.mail:
			w.hold(until)
		case retimed = <-w.retimes:
			w.driver.retime(retimed)
		case <-look.C:
			w.driver.look()
		case <-w.closing:
			w.last()
			return
		}
		w.publish()
		if retimed.taken != nil {
			close(retimed.taken)
		}
	}
}

// last carries out what is still in the mailbox, and leaves the device as it is then.
func (w *Watchdog) last() {
	select {
	case until := <-w.mail:
		w.hold(until)
	default:
	}
	w.driver.leave()
	w.publish()
}

func (w *Watchdog) hold(until core.Instant) {
	w.driver.hold(until)
	w.asked.Store(0)
}

// publish shows the driver's state, and tells when it is news. That it was fed is none.
func (w *Watchdog) publish() {
	d := &w.driver
	v := verdict{d.usable(), d.armed, d.message(), d.timeout, d.fires, d.lastReset}
	old := *w.verdict.Swap(&v)
	old.fires = v.fires
	if v == old {
		return
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}
