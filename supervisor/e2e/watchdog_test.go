// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

const (
	watchdogTTL = 16 * time.Second
	// watchdogTimeout is what the device is set to: the ttl less the standard safety margin.
	watchdogTimeout = watchdogTTL - 5*time.Second
)

// TestWatchdog gives the primary's host a watchdog that it must have: a virtual machine's, which ends the machine. When
// supervisor and launcher hang, it resets the host before others lead. TestWatchdogPackaged has what does not need others.
func TestWatchdog(t *testing.T) {
	c := start(t, lab.Options{PGBin: newest(t), TTL: watchdogTTL, Virtual: 1, Watchdog: true, Parameters: small}, requireWatchdog(t))
	host := c.Nodes[len(c.Nodes)-1]
	lead(t, c, host)
	s := beginAt(t, c, emulated)
	s.do(host.SignalLauncher(syscall.SIGSTOP))
	s.do(host.StopSupervisor())
	s.reset(host)
	s.moved()
	s.end(host)
}

// requireWatchdog configures virtual machines to lead with a watchdog only.
func requireWatchdog(t *testing.T) func(*lab.Cluster) {
	return func(c *lab.Cluster) {
		n := c.Nodes[len(c.Nodes)-1]
		text := strings.Replace(n.Config(), `mode = "off"`, `mode = "required"`, 1)
		if err := n.Configure(text); err != nil {
			t.Fatal(err)
		}
	}
}

// reset waits until the watchdog has switched the host off, and fails the test if somebody else led before, or if the
// leadership, last renewed before the fault, was over.
func (s *story) reset(host *lab.Node) {
	s.Helper()
	frozen := boottime.Now()
	s.eventually("the watchdog resets "+host.Name, func() bool {
		if primary, err := s.Primary(s.Context()); err == nil && primary != host {
			s.Fatalf("%s leads, and %s was not reset", primary.Name, host.Name)
		}
		return host.Machine().Off()
	})
	after := boottime.Now().Sub(frozen)
	s.Logf("%s was reset %s after its supervisor froze", host.Name, after.Round(time.Millisecond))
	if after > watchdogTTL {
		s.Errorf("the leadership, of %s, was over before that", watchdogTTL)
	}
}
