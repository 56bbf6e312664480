// SPDX-License-Identifier: Apache-2.0

package server

import (
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// settlement is the knowledge that a synchronous_standby_names is in force in every process of a server. It lives in
// memory only: another plugin, or another server, knows nothing.
type settlement struct {
	names   string
	pid     int
	ticks   uint64
	barrier wal.LSN
	at      time.Time
}

// settlements holds the latest one. It is forgotten when the value is about to change, and when somebody else was seen
// to have changed it. The zero value is ready; the caller sees to the locking.
type settlements struct {
	now *settlement
	// changes counts what was forgotten, so that a proof begun before does not count.
	changes uint64
}

func (s *settlements) forget() {
	s.now = nil
	s.changes++
}

// of is the settlement of a server; nil when there is none.
func (s *settlements) of(m datadir.Postmaster) *settlement {
	if s.now == nil || s.now.pid != m.PID || s.now.ticks != m.StartTicks {
		return nil
	}
	return s.now
}

// settledOf is the settlement of the server, if a session of it still has that value.
func (s *Server) settledOf(m datadir.Postmaster, inSession string) *settlement {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.settled.of(m)
	if k == nil || k.names != inSession {
		return nil
	}
	return k
}

// unsettle forgets, and returns the count of changes that a proof begun now may be noted under.
func (s *Server) unsettle() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled.forget()
	return s.settled.changes
}

// noteSettled keeps a proof, unless something was forgotten since the count was taken.
func (s *Server) noteSettled(k settlement, changes uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled.changes != changes {
		return false
	}
	k.at = time.Now()
	s.settled.now = &k
	return true
}

// Settled implements observe.Source.
func (o source) Settled(m datadir.Postmaster, names string, asked time.Time) (barrier wal.LSN, ok bool) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	k := o.s.settled.of(m)
	switch {
	case k == nil:
		return 0, false
	case k.names == names:
		return k.barrier, true
	case asked.After(k.at):
		o.s.settled.forget()
	}
	return 0, false
}
