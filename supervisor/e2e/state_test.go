// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
)

// TestLeftovers gives a host back with its disk in a state that a crash, or a person, left behind.
func TestLeftovers(t *testing.T) {
	everyVersion(t, func(t *testing.T, pgBin string) {
		c := start(t, lab.Options{PGBin: pgBin})
		for _, f := range leftovers() {
			if !t.Run(f.name, func(t *testing.T) { live(t, c, f) }) {
				t.Fatal("the cluster is not fit for the next fault")
			}
		}
		t.Run("data directory of another cluster", func(t *testing.T) { foreignData(t, c, pgBin) })
	})
}

func leftovers() []fault {
	return []fault{
		{name: "postmaster.pid names a living process of somebody else", play: stalePID},
		{name: "backup_label left behind", play: leftoverLabel},
		{name: "supervisor state lost", play: loseState},
		{name: "two supervisors with one name", play: sameName, stays: true, lossless: true},
	}
}

func stalePID(s *story) {
	s.do(s.primary.KillHost())
	s.moved()
	other := exec.Command("sleep", "600")
	s.do(other.Start())
	s.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})
	path := filepath.Join(s.primary.DataDir(), "postmaster.pid")
	text, err := os.ReadFile(path)
	s.do(err)
	_, rest, _ := strings.Cut(string(text), "\n")
	s.do(os.WriteFile(path, []byte(strconv.Itoa(other.Process.Pid)+"\n"+rest), 0o600))
	s.do(s.primary.StartHost())
}

func leftoverLabel(s *story) {
	label := filepath.Join(s.primary.DataDir(), "backup_label")
	s.do(s.primary.KillHost())
	s.moved()
	s.do(s.primary.WriteFile(label, "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\n"+
		"BACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIME: 2024-01-01 00:00:00 UTC\nLABEL: left behind\nSTART TIMELINE: 1\n"))
	s.do(s.primary.StartHost())
}

// loseState is a host whose runtime and state directories are gone, but not its data.
func loseState(s *story) {
	s.do(s.primary.KillHost())
	s.moved()
	for _, dir := range []string{"run", "state"} {
		s.do(clear(filepath.Join(s.primary.Dir(), dir)))
	}
	s.do(s.primary.StartHost())
}

func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return err
}

// sameName starts a standby's supervisor under the name of the primary, on its own host: it must say what is wrong and
// must not disturb the primary.
func sameName(s *story) {
	double := s.standbys[1]
	s.do(double.TermSupervisor(20 * time.Second))
	s.do(double.Configure(strings.Replace(double.Config(),
		"member                  = "+strconv.Quote(double.Name), "member                  = "+strconv.Quote(s.primary.Name), 1)))
	before := size(s, double.SupervisorLog())
	s.do(double.StartSupervisor())
	s.eventually("the second supervisor named "+s.primary.Name+" says so", func() bool {
		return strings.Contains(since(s, double.SupervisorLog(), before), s.primary.Name)
	})
	s.always("one primary", ttl, func() bool { return s.primaryIs(s.primary) })
	s.do(double.KillSupervisor())
	s.do(double.Configure(double.Config()))
	s.do(double.StartHost())
}

func (s *story) primaryIs(n *lab.Node) bool {
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	yes, err := n.IsPrimary(ctx)
	return err == nil && yes
}

func size(s *story, path string) int64 {
	info, err := os.Stat(path)
	s.do(err)
	return info.Size()
}

func since(s *story, path string, offset int64) string {
	text, err := os.ReadFile(path)
	s.do(err)
	return string(text[min(offset, int64(len(text))):])
}

// foreignData puts the data of another cluster where a standby's was: the node must neither lead nor replicate nor touch
// it, also when it is alone; with its own data back it goes on.
func foreignData(t *testing.T, c *lab.Cluster, pgBin string) {
	s := begin(t, c)
	victim := s.standbys[0]
	s.do(victim.KillHost())
	own := victim.DataDir() + ".own"
	s.do(os.Rename(victim.DataDir(), own))
	foreign, err := bare.New(pgBin, filepath.Join(victim.Dir(), "foreign"))
	s.do(err)
	s.do(os.Rename(filepath.Join(foreign.Dir, "data"), victim.DataDir()))
	identity := fingerprint(s, victim)
	s.do(victim.StartHost())

	s.eventually("the node says that the data is not this cluster's", func() bool { return complains(s, victim) })
	s.alone(victim)
	if got := fingerprint(s, victim); got != identity {
		t.Errorf("pg_control of the foreign data directory was changed")
	}
	s.do(victim.KillHost())
	s.do(os.Rename(victim.DataDir(), victim.DataDir()+".foreign"))
	s.do(os.Rename(own, victim.DataDir()))
	for _, n := range c.Nodes {
		s.do(n.StartHost())
	}
	s.end()
}

// alone takes the other supervisors and their PostgreSQL away: still the node must not lead.
func (s *story) alone(victim *lab.Node) {
	for _, n := range s.Except(victim) {
		s.do(n.KillSupervisor())
		_ = n.SignalPostgres(syscall.SIGKILL)
	}
	s.always("no primary with foreign data", 2*ttl, func() bool { return !s.primaryIs(victim) })
}

func complains(s *story, n *lab.Node) bool {
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	status, err := n.Status(ctx)
	said := strings.ToLower(status.Message + " " + status.Sentence)
	return err == nil && (strings.Contains(said, "system identifier") || strings.Contains(said, "another cluster"))
}

func fingerprint(s *story, n *lab.Node) string {
	text, err := os.ReadFile(filepath.Join(n.DataDir(), "global", "pg_control"))
	s.do(err)
	return string(text)
}
