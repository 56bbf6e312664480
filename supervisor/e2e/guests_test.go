// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/register"
)

// useGuests starts writers on the node's own host, which no network fault keeps from it: what it acknowledges to anybody, it
// acknowledges to them. They wait for an answer for as long as the connection stands.
func (s *story) useGuests(n *lab.Node) {
	s.Helper()
	config, err := n.LocalConfig()
	s.do(err)
	s.letIn(config)
}

// letIn starts the guests.
func (s *story) letIn(config *pgx.ConnConfig) {
	s.Helper()
	s.guests = &ledger.Writer{Config: config, Ledger: s.book, Pause: 5 * time.Millisecond, Timeout: 4 * ttl, Retry: 100 * time.Millisecond}
	s.guests.Join(s.Context(), 2)
	s.Cleanup(func() {
		if err := s.guests.Stop(); err != nil {
			s.Error(err)
		}
	})
	s.moreAcks(50)
}

// useRegisters starts clients that read, write and swap rows through whichever node is the primary.
func (s *story) useRegisters() {
	s.Helper()
	config, err := s.ClientConfig(250 * time.Millisecond)
	s.do(err)
	s.registers = &register.Workload{Config: config}
	s.do(s.registers.Start(s.Context()))
	s.Cleanup(s.registers.Stop)
}

// linearizable fails the test unless the history of the registers is.
func (s *story) linearizable() {
	s.Helper()
	if s.registers == nil {
		return
	}
	s.registers.Stop()
	all, open := s.registers.History.Size()
	s.Logf("registers: %d operations, %d of them of unknown outcome", all, open)
	if all < 100 {
		s.Errorf("only %d operations on registers", all)
	}
	if err := s.registers.History.Check(30 * time.Second); err != nil {
		s.Error(err)
	}
}

// staleReads logs for how long the first primary answered reads after the first acknowledgement of a newer one. It is no
// fault, and the checker knows its bound.
func (s *story) staleReads(timeline uint32) {
	s.Helper()
	opened, ok := s.book.Opened(timeline)
	if !ok {
		s.Errorf("no acknowledgement on a timeline newer than %d", timeline)
		return
	}
	stale := max(0, s.watch.LastWritable(s.primary.Name).Sub(opened))
	s.Logf("%s, which was replaced, answered stale reads for %s", s.primary.Name, stale.Round(time.Millisecond))
}
