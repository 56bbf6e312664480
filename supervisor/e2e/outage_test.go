// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// leisurely is the pace of clusters that share the machine for long.
var leisurely = pace{connect: usual.connect, sample: usual.sample, pause: 20 * time.Millisecond}

// The tests of this file take their time and little else: they run beside each other.

func TestDCSFrozen(t *testing.T) {
	t.Parallel()
	outage(t, (*lab.Node).StopEtcd, (*lab.Node).ContEtcd)
}

func TestDCSKilled(t *testing.T) {
	t.Parallel()
	outage(t, (*lab.Node).KillEtcd, (*lab.Node).StartEtcd)
}

// outage takes the whole DCS away for a minute, which no client may notice.
func outage(t *testing.T, begin, end func(*lab.Node) error) {
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum"})
	s := beginAt(t, c, leisurely)
	for _, n := range c.Nodes {
		s.do(begin(n))
	}
	s.pass(time.Minute)
	for _, n := range c.Nodes {
		s.do(end(n))
	}
	s.end()
	s.unnoticed()
}

// TestDCSSlow lets every answer of the DCS take half a second to two for a minute: nobody may be elected for that.
func TestDCSSlow(t *testing.T) {
	t.Parallel()
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum", Proxy: true})
	s := beginAt(t, c, leisurely)
	before := s.epoch()
	c.DelayDCS(500*time.Millisecond, 2*time.Second)
	s.pass(time.Minute)
	c.DelayDCS(0, 0)
	s.end()
	s.unnoticed()
	s.noElection(before)
}

// TestLoad saturates the machine for a minute: nobody may be elected for that.
func TestLoad(t *testing.T) {
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum"})
	s := beginAt(t, c, leisurely)
	before := s.epoch()
	report, err := c.Pgbench(s.Context(), s.primary, 16, time.Minute)
	s.do(err)
	s.Log(report)
	s.end()
	s.noElection(before)
}

// epoch is the number of the present leadership.
func (s *story) epoch() uint64 {
	s.Helper()
	epoch, err := s.Epoch(s.Context())
	s.do(err)
	return epoch
}

func (s *story) noElection(before uint64) {
	s.Helper()
	if now := s.epoch(); now != before {
		s.Errorf("%d elections without a fault", now-before)
	}
}
