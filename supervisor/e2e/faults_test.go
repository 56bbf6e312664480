// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// fault is a story that one cluster can live through after another.
type fault struct {
	name string
	// play breaks something, and mends what does not mend itself.
	play func(*story)
	// stays demands that the leader is the same afterwards and that no client noticed: no gap of a second.
	stays bool
	// lossless demands that every acknowledged write is there, not only those of the surviving line. With quorum durability it
	// always is demanded.
	lossless bool
	// registers runs the workload whose history must be linearizable.
	registers bool
	// within is how long clients may have to wait at most, 0 for as long as it takes.
	within time.Duration
}

// faults are ordered so that a cluster that gets well after each can go on to the next.
func faults() []fault {
	all := []fault{
		{name: "postmaster killed", play: func(s *story) { s.do(s.primary.KillPostmaster()) }},
		{name: "backend killed", play: killBackend},
		{name: "supervisor killed and restarted", play: restartSupervisor, stays: true, lossless: true},
		{name: "supervisor frozen for less than the ttl", play: freezeSupervisor, stays: true, lossless: true},
		{name: "supervisor frozen for longer than the ttl", play: freezeSupervisorForLong},
		{name: "supervisor and launcher frozen", play: freezeSupervisorAndLauncher},
		{name: "supervisor killed and not restarted", play: killSupervisorForGood},
		{name: "switchover", play: switchover, lossless: true},
	}
	for _, plugin := range []string{"etcd", "postgres"} {
		all = append(all,
			fault{name: plugin + " plugin killed", play: killPlugin(plugin), stays: true, lossless: true},
			fault{name: plugin + " plugin frozen", play: freezePlugin(plugin), stays: true, lossless: true})
	}
	return all
}

func TestProcessFaults(t *testing.T) {
	everyVersion(t, func(t *testing.T, pgBin string) {
		c := start(t, lab.Options{PGBin: pgBin})
		for _, f := range faults() {
			if !t.Run(f.name, func(t *testing.T) { live(t, c, f) }) {
				t.Fatal("the cluster is not fit for the next fault")
			}
		}
	})
}

func live(t *testing.T, c *lab.Cluster, f fault) {
	s := begin(t, c)
	if f.registers {
		s.useRegisters()
	}
	f.play(s)
	report := s.end()
	if s.late != "" {
		t.Log("judged by safety only: " + s.late)
		return
	}
	if f.stays {
		s.unnoticed()
	}
	if gap := s.book.Gap(s.mark); f.within > 0 && gap > f.within {
		t.Errorf("clients had to wait for %s, more than %s", gap, f.within)
	}
	if f.lossless && report.Lost() > 0 {
		t.Errorf("%d acknowledged writes lost", report.Lost())
	}
}

// unnoticed fails the test if the leadership moved or a client had to wait.
func (s *story) unnoticed() {
	s.Helper()
	if now := s.leader(); now != s.primary {
		s.Errorf("the leadership moved from %s to %s", s.primary.Name, now.Name)
	}
	if gap := s.book.Gap(s.mark); gap > time.Second {
		s.Errorf("clients had to wait for %s", gap)
	}
}

// fenced fails the test if the old primary took writes at an instant past its deadline: the last renewal was sent before
// the fault, so the fault plus the ttl is past it.
func (s *story) fenced(n *lab.Node) {
	s.Helper()
	if late := s.watch.LastWritable(n.Name).Sub(s.mark.Add(ttl)); late > 0 {
		s.Errorf("%s was writable %s past its deadline", n.Name, late)
	}
}

func killBackend(s *story) {
	conn, err := s.primary.Connect(s.Context())
	s.do(err)
	defer conn.Close(s.Context())
	s.do(syscall.Kill(int(conn.PgConn().PID()), syscall.SIGKILL))
}

func restartSupervisor(s *story) {
	s.do(s.primary.KillSupervisor())
	s.do(s.primary.StartSupervisor())
}

func freezeSupervisor(s *story) {
	s.do(s.primary.StopSupervisor())
	s.pass(3 * time.Second)
	s.do(s.primary.ContSupervisor())
}

func freezeSupervisorForLong(s *story) {
	s.do(s.primary.StopSupervisor())
	s.moved()
	s.fenced(s.primary)
	s.do(s.primary.ContSupervisor())
}

func freezeSupervisorAndLauncher(s *story) {
	s.do(s.primary.SignalLauncher(syscall.SIGSTOP))
	s.do(s.primary.StopSupervisor())
	s.moved()
	s.fenced(s.primary)
	s.do(s.primary.ContSupervisor())
}

func killSupervisorForGood(s *story) {
	s.do(s.primary.KillSupervisor())
	s.moved()
	s.fenced(s.primary)
	s.do(s.primary.StartSupervisor())
}

func switchover(s *story) {
	s.do(s.primary.Switchover(s.Context(), s.standbys[0]))
	if now := s.moved(); now != s.standbys[0] {
		s.Errorf("%s leads after a switchover to %s", now.Name, s.standbys[0].Name)
	}
}

func killPlugin(name string) func(*story) {
	return func(s *story) {
		s.do(s.primary.KillPlugin(name))
		s.answers(name, 0)
	}
}

func freezePlugin(name string) func(*story) {
	return func(s *story) {
		old := s.primary.PluginPID(name)
		s.do(s.primary.SignalPlugin(name, syscall.SIGSTOP))
		s.answers(name, old)
	}
}

// answers waits until another process than the old one serves a plugin.
func (s *story) answers(plugin string, old int) {
	s.Helper()
	s.eventually("a new process of plugin "+plugin, func() bool {
		pid := s.primary.PluginPID(plugin)
		return pid != 0 && pid != old
	})
}
