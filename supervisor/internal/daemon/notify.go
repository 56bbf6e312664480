// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// notifier tells systemd that the loop makes progress: it is fed by ticks, not by a timer of its own. Without
// NOTIFY_SOCKET it does nothing.
type notifier struct {
	log   *slog.Logger
	every time.Duration // between two signs of life; 0 when systemd does not ask for them
	ready sync.Once
	// started is closed with the first tick.
	started chan struct{}
	last    time.Time
	text    string
}

func newNotifier(log *slog.Logger) *notifier {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd watchdog not understood", "error", err)
	}
	return &notifier{log: log, every: interval / 3, started: make(chan struct{})}
}

// ticked is called by the loop after every tick.
func (n *notifier) ticked(s *status.Snapshot) {
	n.ready.Do(func() {
		n.send(systemd.SdNotifyReady)
		close(n.started)
	})
	if text := statusLine(s); text != n.text {
		n.text = text
		n.send("STATUS=" + text)
	}
	if n.every > 0 && time.Since(n.last) >= n.every {
		n.last = time.Now()
		n.send(systemd.SdNotifyWatchdog)
	}
}

// reloading says that a reload has begun. systemd wants to know since when, in the same datagram.
func (n *notifier) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		n.log.Debug("systemd not notified", "error", err)
		return
	}
	n.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", systemd.SdNotifyReloading, now.Nano()/1000))
}

// reloaded says that the reload is over, whatever came of it.
func (n *notifier) reloaded() { n.send(systemd.SdNotifyReady) }

func (n *notifier) send(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		n.log.Debug("systemd not notified", "error", err)
	}
}

// statusLine is what `systemctl status` shows.
func statusLine(s *status.Snapshot) string {
	role := "not known yet"
	if s.Postgres != nil {
		role = fmt.Sprintf("%s %s", s.Postgres.Role, s.Postgres.Status)
	}
	var epoch core.Epoch
	if s.View != nil {
		epoch = s.View.Epoch.Value.Epoch
	}
	return fmt.Sprintf("%s, epoch %d, rule %s", role, epoch, s.Reason.Rule)
}
