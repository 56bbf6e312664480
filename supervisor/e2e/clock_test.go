// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// emulated is the pace of a cluster with a host that is an emulated machine.
var emulated = pace{connect: 5 * time.Second, sample: 2 * time.Second, pause: usual.pause}

// emulatedTTL leaves an emulated host, on a busy machine, time for its renewals.
const emulatedTTL = 10 * time.Second

// TestWallClockSteps sets the wall clock of one host an hour ahead, an hour behind and right again, as a person, a virtual
// machine's host or a broken time server does: nobody notices, whether the host is a standby's or the primary's. The host is
// a virtual machine, because hosts that share a kernel share their wall clock.
func TestWallClockSteps(t *testing.T) {
	c := start(t, lab.Options{PGBin: newest(t), TTL: emulatedTTL, Virtual: 1, Parameters: small})
	host := c.Nodes[len(c.Nodes)-1]
	t.Run("of a standby", func(t *testing.T) {
		if s := (&story{T: t, Cluster: c}); s.leader() == host {
			lead(t, c, c.Nodes[0])
		}
		stepClock(t, c, host)
	})
	t.Run("of the primary", func(t *testing.T) {
		lead(t, c, host)
		stepClock(t, c, host)
	})
}

// small keeps the WAL of a host whose disk is its memory small.
var small = map[string]string{"wal_keep_size": "32MB", "max_wal_size": "64MB"}

// lead sees to it that a node leads. The others are stopped for that: asked to hand over to a slow host, they go on
// themselves as long as one of them is quicker to have all of the WAL.
func lead(t *testing.T, c *lab.Cluster, n *lab.Node) {
	t.Helper()
	s := &story{T: t, Cluster: c}
	s.healthy()
	primary := s.leader()
	if primary == n {
		return
	}
	for _, other := range c.Except(n) {
		if other != primary {
			s.do(other.TermSupervisor(patience))
		}
	}
	s.do(primary.TermSupervisor(patience))
	s.eventually(n.Name+" leads", func() bool { return s.primaryIs(n) })
	for _, other := range c.Except(n) {
		s.do(other.StartSupervisor())
	}
	s.healthy()
}

// stepClock sets a host's clock while clients write, and fails the test if that made a difference to anybody.
func stepClock(t *testing.T, c *lab.Cluster, host *lab.Node) {
	t.Helper()
	s := beginAt(t, c, emulated)
	before, leads := s.primary.Epoch(t.Context())
	if !leads {
		t.Fatalf("%s does not say under which epoch it leads", s.primary.Name)
	}
	rate := s.clockRate(host)
	for _, by := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
		s.step(host, by)
		s.always(s.primary.Name+" leads", emulatedTTL+2*time.Second, func() bool { return s.primaryIs(s.primary) })
		s.moreAcks(50)
	}
	rate()
	report := s.end()
	if report.Lost() > 0 {
		t.Errorf("%d acknowledged writes lost", report.Lost())
	}
	if now, leads := s.primary.Epoch(t.Context()); !leads || now != before {
		t.Errorf("%s led in epoch %d, and now: %t, in epoch %d", s.primary.Name, before, leads, now)
	}
	if gap := s.book.Gap(s.mark); gap >= emulatedTTL/2 {
		t.Errorf("clients had to wait for %s", gap)
	}
}

// clockRate begins to watch how fast the host's own time passes; what it returns tells, for whoever has to explain a
// leadership that moved: that clocks run at about the same rate is all that pgvigil takes for granted.
func (s *story) clockRate(host *lab.Node) (tell func()) {
	s.Helper()
	then, err := host.Machine().Clocks()
	s.do(err)
	began := boottime.Now()
	return func() {
		s.Helper()
		now, err := host.Machine().Clocks()
		s.do(err)
		s.Logf("time passed on %s at a rate of %.4f", host.Name, float64(now.Uptime-then.Uptime)/float64(boottime.Now().Sub(began)))
	}
}

// step sets a host's clock and looks whether it was set.
func (s *story) step(host *lab.Node, by time.Duration) {
	s.Helper()
	before, err := host.Machine().Clocks()
	s.do(err)
	after, err := host.Machine().Step(by)
	s.do(err)
	moved := after.Wall.Sub(before.Wall) - (after.Uptime - before.Uptime)
	if (moved - by).Abs() > time.Minute {
		s.Fatalf("the wall clock of %s moved by %s, not by %s", host.Name, moved, by)
	}
	s.Logf("wall clock of %s: %s, %s ahead of here", host.Name, after.Wall.UTC().Format(time.DateTime), time.Until(after.Wall).Round(time.Second))
}
