// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"os"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// Time from SIGQUIT to SIGKILL where nobody asked for another, and between looks for survivors after that. The first
// leaves half of SoftLead for the kernel to take the processes down.
const (
	shortGrace     = 50 * time.Millisecond
	strikeInterval = 10 * time.Millisecond
)

// ending is the way down: begun once, by whichever cause comes first, and never taken back.
type ending struct {
	begun   bool
	over    bool // the postmaster has ended
	done    bool // no descendant is left
	exit    deadman.Exit
	next    *time.Timer // when to send SIGKILL (again); nil before the end has begun
	at      time.Time   // of next
	waiters []chan deadman.Reply
}

// timer returns the channel of the next strike; nil, which never is ready, before the end has begun.
func (e *ending) timer() <-chan time.Time {
	if e.next == nil {
		return nil
	}
	return e.next.C
}

// within brings the next strike forward to d from now; it never puts one off.
func (e *ending) within(d time.Duration) {
	at := time.Now().Add(d)
	if e.next != nil && e.at.Before(at) {
		return
	}
	e.schedule(d)
}

// schedule sets the next strike to d from now.
func (e *ending) schedule(d time.Duration) {
	e.at = time.Now().Add(d)
	if e.next == nil {
		e.next = time.NewTimer(d)
		return
	}
	e.next.Reset(d) // a tick not yet received is dropped by Reset
}

// begin starts the end of PostgreSQL: SIGQUIT to the postmaster, which passes it on and waits for its backends, and
// SIGKILL to all after grace.
func (l *Launcher) begin(cause string, grace time.Duration) {
	if !l.end.begun {
		l.end.begun = true
		l.end.exit.Cause = cause
		l.cfg.Log.Warn("ending postgres", "cause", cause)
	}
	if !l.end.over {
		l.signalPostmaster(unix.SIGQUIT)
	}
	l.end.within(grace)
}

// postmasterEnded notes how, and hurries those it left behind.
func (l *Launcher) postmasterEnded(e ended) {
	l.end.over = true
	l.end.exit.ExitCode = e.status.ExitStatus()
	if e.status.Signaled() {
		l.end.exit.Signal = int(e.status.Signal())
	}
	l.signalDescendants(unix.SIGQUIT)
	l.begin(deadman.CausePostmaster, shortGrace)
}

// deadline handles the wake-up ahead of the kill timer. The instant may have been moved after the wake-up was queued.
func (l *Launcher) deadline() {
	if l.armed == 0 || deadman.BootNow() < l.armed-int64(deadman.SoftLead) {
		return
	}
	l.begin(deadman.CauseDeadline, shortGrace)
}

// strike sends SIGKILL to all that is left, the postmaster first so that it forks no more, and comes back until the
// last one has been reaped: a descendant may have been born while the list was made.
func (l *Launcher) strike() {
	if !l.end.over {
		l.signalPostmaster(unix.SIGKILL)
	}
	l.signalDescendants(unix.SIGKILL)
	l.end.schedule(strikeInterval)
}

// signalPostmaster goes by identity, not by pid: the postmaster is reaped in another goroutine.
func (l *Launcher) signalPostmaster(sig unix.Signal) {
	if err := l.record.Postmaster().Signal(sig); err != nil {
		l.cfg.Log.Error("signal not sent", "error", err)
	}
}

func (l *Launcher) signalDescendants(sig unix.Signal) {
	list, err := deadman.Descendants(os.Getpid())
	if err != nil {
		l.cfg.Log.Error("descendants not listed", "error", err)
	}
	for _, p := range list {
		if err := p.Signal(sig); err != nil {
			l.cfg.Log.Error("signal not sent", "error", err)
		}
	}
}

// forward passes on what an administrator or a service manager sends to us, in the postmaster's own terms: SIGTERM would
// be a smart shutdown, which waits for every client, so it becomes a fast one.
func (l *Launcher) forward(s os.Signal) {
	switch s {
	case unix.SIGTERM, unix.SIGINT:
		l.cfg.Log.Warn("told to end by a signal, which is none of pgvigil's", "signal", s)
		l.signalPostmaster(unix.SIGINT)
	case unix.SIGHUP, unix.SIGQUIT:
		l.signalPostmaster(s.(unix.Signal))
	}
}
