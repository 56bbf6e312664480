// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

const (
	// beatEvery is the time between two beats when systemd does not ask for signs of life.
	beatEvery = 10 * time.Second
	// moreTime is what a supervisor that stops PostgreSQL asks for again and again. How long a stop may take is the core's to say.
	moreTime = 30 * time.Second
	// leastPatience is the least that systemd is asked to be content with: the loop ticks once a second.
	leastPatience = 3 * time.Second
	// outboxLength is how many messages may wait for a systemd that does not read them.
	outboxLength = 16
)

// notifier tells systemd how the supervisor is, and that the loop makes progress: it is fed by ticks, not by a timer of its own.
// READY comes with the first tick, whatever PostgreSQL does: a recovery may take hours. Without NOTIFY_SOCKET it says nothing.
type notifier struct {
	log *slog.Logger
	// outbox is what systemd is to be told, by a goroutine of its own: one that hangs must not cost a leadership. Nil if nobody
	// listens.
	outbox   chan string
	delivery sync.WaitGroup
	// unit is after which silence the unit has systemd act, 0 for never; patience is after which it has to.
	unit     time.Duration
	patience atomic.Int64
	ready    sync.Once
	known    sync.Once
	// started is closed with the first tick, informed with the first that knows the cluster and PostgreSQL.
	started  chan struct{}
	informed chan struct{}
	last     time.Time // beat
	said     statusLine
	stopping atomic.Bool
}

func newNotifier(log *slog.Logger, ttl time.Duration) *notifier {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd watchdog not understood", "error", err)
	}
	n := &notifier{log: log, unit: interval, started: make(chan struct{}), informed: make(chan struct{})}
	if os.Getenv("NOTIFY_SOCKET") != "" {
		n.outbox = make(chan string, outboxLength)
		n.delivery.Go(n.deliver)
	}
	n.pace(ttl)
	return n
}

// pace has systemd end a supervisor that hangs while its leadership lasts, where the unit would let it wait for longer. Before
// READY systemd would count at once: it is told then.
func (n *notifier) pace(ttl time.Duration) {
	before := n.patience.Swap(int64(min(max(ttl/2, leastPatience), n.unit)))
	if before != 0 && before != n.patience.Load() {
		n.send(n.wait())
	}
}

func (n *notifier) wait() string {
	return fmt.Sprintf("WATCHDOG_USEC=%d", time.Duration(n.patience.Load()).Microseconds())
}

// every is the time between two beats.
func (n *notifier) every() time.Duration {
	if n.unit == 0 {
		return beatEvery
	}
	return time.Duration(n.patience.Load()) / 3
}

// ticked is called by the loop after every tick. What moves all the time is told with the beat only, in the same datagram.
func (n *notifier) ticked(s *status.Snapshot) {
	var words []string
	n.ready.Do(func() {
		words = append(words, systemd.SdNotifyReady)
		if n.patience.Load() < int64(n.unit) {
			words = append(words, n.wait())
		}
		close(n.started)
	})
	if s.View != nil && s.Postgres != nil {
		n.known.Do(func() { close(n.informed) })
	}
	if n.outbox == nil {
		return
	}
	line := describe(s)
	beat := time.Since(n.last) >= n.every()
	if beat {
		n.last = time.Now()
		words = append(words, systemd.SdNotifyWatchdog)
	}
	if beat && n.stopping.Load() {
		words = append(words, extend())
	}
	if beat || !line.sameNews(n.said) {
		n.said = line
		words = append(words, "STATUS="+line.String())
	}
	if len(words) > 0 {
		n.send(words...)
	}
}

// stops says that the supervisor was asked to end.
func (n *notifier) stops() {
	n.stopping.Store(true)
	n.send(systemd.SdNotifyStopping, extend())
}

func extend() string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", moreTime.Microseconds()) }

// reloading says that a reload has begun. systemd wants to know since when, in the same datagram.
func (n *notifier) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		n.log.Debug("systemd not notified", "error", err)
		return
	}
	n.send(systemd.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// reloaded says that the reload is over, whatever came of it.
func (n *notifier) reloaded() { n.send(systemd.SdNotifyReady) }

// send never waits.
func (n *notifier) send(words ...string) {
	select {
	case n.outbox <- strings.Join(words, "\n"):
	default:
	}
}

func (n *notifier) deliver() {
	for message := range n.outbox {
		if _, err := systemd.SdNotify(false, message); err != nil {
			n.log.Debug("systemd not notified", "error", err)
		}
	}
}

// Ended has `systemctl status` show in one line why the supervisor ended.
func Ended(err error) {
	// Nobody is left to be told if this fails.
	_ = tell("STATUS=" + strings.ReplaceAll(err.Error(), "\n", " | "))
}
