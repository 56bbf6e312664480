// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/checker"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// TestAdopt takes a primary and a standby over that nobody supervised, while clients write, and copies a third member from
// them. The primary that still runs as it was found hands over to the standby that does, and that one dies. The one has
// PostgreSQL's files elsewhere, as Debian has them, the other in the data directory.
func TestAdopt(t *testing.T) {
	t.Parallel()
	s := unsupervised(t, "quorum")
	one, two, three := s.Nodes[0], s.Nodes[1], s.Nodes[2]
	server, standby := s.found(true)
	s.do(one.StartSupervisor())
	s.leader()
	s.do(two.StartSupervisor())
	s.do(three.StartSupervisor())
	s.healthy()
	s.inStep()
	if s.postmaster(one) != server || s.postmaster(two) != standby {
		s.Error("PostgreSQL was restarted")
	}
	s.unnoticed()
	if all := s.book.Totals(); all.Failed+all.Unknown > 0 {
		s.Errorf("clients noticed: %+v", all)
	}
	for n, unguarded := range map[*lab.Node]bool{one: true, two: true, three: false} {
		s.guarded(n, !unguarded)
	}
	s.keeps(one)

	s.watchAll()
	s.mark = boottime.Now()
	s.do(one.Switchover(s.Context(), two))
	if s.primary = s.moved(); s.primary != two {
		s.Fatalf("%s leads after the hand-over", s.primary.Name)
	}
	s.healthy()
	s.inStep()
	s.guarded(one, true)
	s.guarded(two, false)

	s.mark = boottime.Now()
	s.do(two.KillPostmaster())
	s.moved()
	s.end()
	for _, n := range s.Nodes {
		s.guarded(n, true)
	}
}

// found makes a primary and a standby by hand, and has clients write. One of the two has its files elsewhere: the primary, or the
// standby.
func (s *story) found(etc bool) (server, standby int) {
	s.Helper()
	s.primary = s.Nodes[0]
	s.do(s.primary.MakeFound(s.Context(), s.site("*", etc)))
	s.do(s.Nodes[1].CloneFound(s.Context(), s.site("*", !etc), s.primary, "byhand"))
	s.startWriter(usual)
	s.moreAcks(50)
	s.mark = boottime.Now()
	return s.postmaster(s.primary), s.postmaster(s.Nodes[1])
}

// TestAdoptedWithoutDeadman freezes the supervisor of a primary that was taken over: no timer ends it. Standbys go on to acknowledge
// its commits, and nobody else leads. The supervisor that wakes up too late ends it, and nothing is lost.
func TestAdoptedWithoutDeadman(t *testing.T) {
	t.Parallel()
	s := unsupervised(t, "quorum")
	server, _ := s.found(false)
	for _, n := range s.Nodes {
		s.do(n.StartSupervisor())
		s.leader()
	}
	s.healthy()
	s.inStep()
	s.keeps(s.primary)
	s.watchAll()
	s.restarted(s.Nodes[1])

	s.mark = boottime.Now()
	s.do(s.primary.StopSupervisor())
	s.pass(2 * ttl)
	s.moreAcks(50)
	if s.postmaster(s.primary) != server {
		s.Error("PostgreSQL was restarted")
	}
	if !s.leaderless() {
		s.Error("another node leads beside the primary that goes on")
	}
	s.do(s.primary.ContSupervisor())
	s.eventually("PostgreSQL is ended", func() bool {
		pid, err := s.primary.Postmaster()
		return err != nil || pid != server
	})
	s.end()
	if gap := s.book.Gap(s.mark); gap > ttl {
		s.Errorf("clients had to wait for %s", gap)
	}
}

// restarted has the PostgreSQL of a standby started anew.
func (s *story) restarted(n *lab.Node) {
	s.Helper()
	s.guarded(n, false)
	s.do(n.TermSupervisor(patience))
	s.do(n.StartSupervisor())
	s.healthy()
	s.inStep()
	s.guarded(n, true)
}

// TestAdoptWhatIsNotReady meets a primary that others cannot reach before it is restarted, and one of another database system,
// to which nothing may happen.
func TestAdoptWhatIsNotReady(t *testing.T) {
	t.Parallel()
	s := unsupervised(t, "async")
	one, two, three := s.Nodes[0], s.Nodes[1], s.Nodes[2]
	s.do(one.MakeFound(s.Context(), s.site("localhost", false)))
	s.do(two.MakeFound(s.Context(), s.site("*", false)))
	server, other := s.postmaster(one), s.postmaster(two)
	s.do(one.StartSupervisor())
	s.leader()
	s.do(two.StartSupervisor())
	s.do(three.StartSupervisor())

	s.eventually("the restart that is needed is told", func() bool {
		return slices.Contains(s.member(one).PendingRestart, "listen_addresses")
	})
	s.eventually("the other system is told", func() bool { return strings.Contains(s.member(two).Message, "another cluster") })
	if s.postmaster(one) != server {
		s.Error("PostgreSQL was restarted")
	}
	s.do(one.TermSupervisor(patience))
	s.do(one.StartSupervisor())
	s.healthy(two)
	s.guarded(one, true)

	s.do(two.TermSupervisor(patience))
	conn, err := two.Connect(s.Context())
	s.do(err)
	defer conn.Close(s.Context())
	_, err = conn.Exec(s.Context(), "create table lab.mine ()")
	s.do(err)
	if s.postmaster(two) != other {
		s.Error("PostgreSQL of another system was restarted")
	}
}

// unsupervised is a cluster of which only the DCS runs. Its supervisors are not told what pg_hba.conf should say, nor
// max_connections.
func unsupervised(t *testing.T, durability string) *story {
	t.Helper()
	c, err := lab.New(lab.Options{PGBin: newest(t), Durability: durability, Bin: binaries(), Netns: true, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keepLogs(t, c)
		if err := c.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	watch := &checker.Checker{Deadline: usual.sample, Deposed: ttl}
	s := &story{T: t, Cluster: c, book: ledger.New(2, nil), watch: watch, quorum: durability == "quorum"}
	lines := regexp.MustCompile(`(?s)  hba = \[.*?\n  \]\n|    max_connections [^\n]*\n`)
	for _, n := range c.Nodes {
		s.do(n.Configure(lines.ReplaceAllString(n.Config(), "")))
		s.do(n.StartEtcd())
	}
	return s
}

// site is a PostgreSQL as it may stand somewhere: with roles of its own, none for pgvigil, and a superuser without a password.
func (s *story) site(listen string, etc bool) lab.Found {
	return lab.Found{
		Conf: "listen_addresses = '" + listen + "'\nmax_connections = 60\nwork_mem = '5MB'\n",
		HBA: "local all lab scram-sha-256\nlocal all all peer\nhost all all all scram-sha-256\n" +
			"host replication byhand,replicator all scram-sha-256\n",
		SQL: fmt.Sprintf("create role lab login password '%[1]s'\ngrant pg_monitor to lab\ncreate schema lab authorization lab\n"+
			"create role byhand login replication password '%[1]s'\n", s.Password()),
		Etc: etc,
	}
}

// watchAll starts the checker.
func (s *story) watchAll() {
	s.Helper()
	var targets []checker.Target
	for _, n := range s.Nodes {
		targets = append(targets, checker.Target{Name: n.Name, Connect: n.Connect, Epoch: n.Epoch})
	}
	s.watch.Start(targets...)
	s.Cleanup(s.watch.Stop)
}

func (s *story) postmaster(n *lab.Node) int {
	s.Helper()
	pid, err := n.Postmaster()
	s.do(err)
	return pid
}

// told is what the cluster's members say of one of them.
type told struct {
	Name, Message  string
	PendingRestart []string `json:"pending_restart"`
}

// member is what is told of a node by itself; nothing while that cannot be learnt.
func (s *story) member(n *lab.Node) told {
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	var answer struct{ Members []told }
	_, body, err := n.Get(ctx, "/v1/status")
	if err != nil || json.Unmarshal(body, &answer) != nil {
		return told{}
	}
	i := slices.IndexFunc(answer.Members, func(m told) bool { return m.Name == n.Name })
	if i < 0 {
		return told{}
	}
	return answer.Members[i]
}

// guarded waits until pgvigil list says of a node that a deadman guards it, or that none does.
func (s *story) guarded(n *lab.Node, want bool) {
	s.Helper()
	s.eventually(fmt.Sprintf("%s is guarded by a deadman: %t", n.Name, want), func() bool {
		m := s.member(n)
		return m.Name != "" && strings.Contains(m.Message, "without pgvigil's launcher") != want
	})
}

// keeps fails the test if what the server's own files said is lost, or what needs a restart is not told.
func (s *story) keeps(n *lab.Node) {
	s.Helper()
	conn, err := n.ConnectSuperuser(s.Context())
	s.do(err)
	defer conn.Close(s.Context())
	var memory, connections, pending string
	s.do(conn.QueryRow(s.Context(), `select current_setting('work_mem'), current_setting('max_connections'),
		(select string_agg(name, ' ' order by name) from pg_settings where pending_restart)`).Scan(&memory, &connections, &pending))
	if memory != "5MB" || connections != "60" || !strings.Contains(pending, "wal_log_hints") ||
		strings.Contains(pending, "max_connections") {
		s.Errorf("work_mem %s, max_connections %s, restart pending for %s", memory, connections, pending)
	}
}
