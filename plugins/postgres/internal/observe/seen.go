// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// seen is what is remembered of the server under watch.
type seen struct {
	server      datadir.Postmaster
	exit        *proc.Exit
	launched    bool
	inUnit      bool      // launched, in systemd's unit for it
	since       moment    // first sight of it
	asked       moment    // last question
	shown       moment    // last question that was replied to
	heard       time.Time // last word of any kind from it
	answer      *answer   // last full answer
	pending     []string
	pendingAt   time.Time
	complaint   string // what it said, or why it could not be asked, instead of an answer
	notReady    bool
	stopping    bool
	receivedTLI uint32
	silence     silence
	status      pluginv1.Status
	statusSince time.Time
}

// gone is closed when the server has ended.
func (s *seen) gone() <-chan struct{} {
	if s.exit == nil {
		return nil
	}
	return s.exit.Done()
}

func (s *seen) close() {
	if s.exit != nil {
		s.exit.Close()
		s.exit = nil
	}
}

// findLauncher looks for the launcher above the server; its file appears a little later than the server.
func (s *seen) findLauncher(c *config.Config) {
	if s.launched || time.Since(s.since.Time) > 10*time.Second {
		return
	}
	l, ok := launch.ReadStatus(c.DaemonRunDir)
	s.launched = ok && l.Holds(s.server.PID, s.server.StartTicks)
	s.inUnit = s.launched && proc.Unit(l.PID) == c.Unit()
}

// pendingRestart names the parameters, and the attribute of the block, that take effect with the next start.
func (s *seen) pendingRestart(c *config.Config) []string {
	if !s.launched || s.inUnit == c.Managed {
		return s.pending
	}
	return append([]string{"manage"}, s.pending...)
}

// hear takes a reply in.
func (o *Observer) hear(r reply) {
	s := &o.seen
	if r.server != s.server.PID {
		return
	}
	now := time.Now()
	if r.err == nil {
		s.heard, s.answer, s.complaint, s.notReady = now, r.answer, "", false
		if rec := r.answer.receiver; rec != nil {
			rec.SilenceNs = int64(s.silence.of(r.answer.heardUnixUs, time.Duration(rec.GetSilenceNs()), now))
		}
		s.receivedTLI = max(s.receivedTLI, r.answer.receivedTimeline)
		o.receiver.watch(r.answer.receiverPID)
		o.senders.note(r.answer.senderPIDs, r.answer.senders, o.source.Intent().Slots, conf.SlotName, o.Wake)
		o.hints.note(r.answer)
		if r.fresh {
			s.pending, s.pendingAt = r.pending, now
		}
		return
	}
	s.complaint = r.err.Error()
	s.stopping, s.notReady = session.NotReady(r.err)
	if _, message, ok := session.Answer(r.err); ok {
		s.heard, s.complaint = now, message
	}
}

// judge tells the status from what was heard.
func (s *seen) judge() pluginv1.Status {
	switch {
	case time.Since(s.heard) > hungAfter:
		return pluginv1.Status_STATUS_HUNG
	case s.notReady && s.stopping, s.server.Status == "stopping":
		return pluginv1.Status_STATUS_STOPPING
	case s.notReady, s.answer == nil && s.heard.Equal(s.since.Time), s.server.Status == "starting":
		return pluginv1.Status_STATUS_STARTING
	}
	return pluginv1.Status_STATUS_RUNNING
}

// watched is a process whose end is noticed.
type watched struct {
	exit *proc.Exit
	pid  int
}

func (w *watched) gone() <-chan struct{} {
	if w.exit == nil {
		return nil
	}
	return w.exit.Done()
}

// watch changes the process; 0 is none.
func (w *watched) watch(pid int) {
	if w.pid == pid {
		return
	}
	if w.exit != nil {
		w.exit.Close()
		w.exit = nil
	}
	w.pid = pid
	if pid != 0 {
		w.exit = proc.WatchExit(pid)
	}
}

// hints are positions known to be starts of records and on disk, so that the end of the log is found
// without reading all that was written since the last checkpoint.
type hints struct {
	unproven        wal.LSN
	newest, earlier wal.LSN
}

func (h *hints) note(a *answer) {
	if a.recovering {
		h.add(a.replayed)
		h.unproven = 0
		return
	}
	if h.unproven != 0 && a.flush >= h.unproven {
		h.add(h.unproven)
	}
	if h.unproven == 0 || a.flush >= h.unproven {
		h.unproven = a.insert
	}
}

func (h *hints) add(at wal.LSN) {
	if at != 0 && at != h.newest {
		h.newest, h.earlier = at, h.newest
	}
}
