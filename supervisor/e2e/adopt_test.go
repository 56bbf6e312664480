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

// TestAdopt takes a primary and a standby over that nobody supervised, while clients write, clones a third member from
// them, and loses the primary that still runs as it was found.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name string
		etc  bool
	}{{"files in the data directory", false}, {"files elsewhere", true}} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			adoptAll(t, f.etc)
		})
	}
}

func adoptAll(t *testing.T, etc bool) {
	s := found(t, etc)
	one, two, three := s.Nodes[0], s.Nodes[1], s.Nodes[2]
	server, standby := s.postmaster(one), s.postmaster(two)
	s.startWriter(usual)
	s.moreAcks(50)
	s.mark = boottime.Now()

	for _, n := range s.Nodes {
		s.do(n.StartSupervisor())
		if n == one {
			s.leader()
		}
	}
	s.healthy()
	s.inStep()
	if s.postmaster(one) != server || s.postmaster(two) != standby {
		s.Error("PostgreSQL was restarted")
	}
	s.unnoticed()
	s.refusedNothing()
	s.tells(one, "launcher")
	s.tells(two, "launcher")
	s.tells(three, "")
	s.keeps(one, etc)

	s.observe()
	s.mark = boottime.Now()
	s.do(one.KillPostmaster())
	s.moved()
	s.healthy()
	s.inStep()
	// The standby that was taken over may lead now, and still is without the launcher.
	if led := s.leader(); led == two {
		ctx, cancel := context.WithTimeout(s.Context(), patience)
		defer cancel()
		s.primary = two
		s.do(two.Switchover(ctx, nil))
		s.moved()
	} else {
		s.do(two.TermSupervisor(patience))
		s.do(two.StartSupervisor())
	}
	s.healthy()
	for _, n := range s.Nodes {
		s.tells(n, "")
	}
	s.end()
}

// found makes a cluster whose first two nodes have a PostgreSQL already, with the roles and lines of pg_hba.conf that
// such a site may have, and with nothing of pgvigil's.
func found(t *testing.T, etc bool) *story {
	t.Helper()
	s := bareStory(t)
	hba := "local all all peer\nhost all lab all scram-sha-256\nhost all postgres all scram-sha-256\nhost replication byhand all scram-sha-256\nhost replication replicator all scram-sha-256\nlocal all lab scram-sha-256\n"
	sql := fmt.Sprintf("create role lab login password '%[1]s'\ngrant pg_monitor to lab\ncreate schema lab authorization lab\n"+
		"create role byhand login replication password '%[1]s'\n", s.Password())
	f := lab.Found{Conf: "listen_addresses = '*'\nmax_connections = 60\nwork_mem = '5MB'\n", HBA: hba, SQL: sql, Etc: etc}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.do(s.Nodes[0].MakeFound(ctx, f))
	s.do(s.Nodes[1].CloneFound(ctx, f, s.Nodes[0], "byhand"))
	s.primary, s.standbys = s.Nodes[0], s.Nodes[1:]
	return s
}

var ownHBA = regexp.MustCompile(`(?s)  hba = \[.*?\n  \]\n`)

// bareStory is a cluster of which only the DCS runs.
func bareStory(t *testing.T) *story {
	t.Helper()
	c, err := lab.New(lab.Options{PGBin: newest(t), Durability: "quorum", Bin: binaries(), Netns: true, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keepLogs(t, c)
		if err := c.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	s := &story{T: t, Cluster: c, book: ledger.New(2, nil), watch: &checker.Checker{Deadline: usual.sample, Deposed: ttl}, quorum: true}
	for _, n := range c.Nodes {
		text := strings.ReplaceAll(ownHBA.ReplaceAllString(n.Config(), ""), "    max_connections = \"50\"\n", "")
		s.do(n.Configure(text))
		s.do(n.StartEtcd())
	}
	return s
}

func (s *story) observe() {
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

// refusedNothing fails the test if a client was refused, or never told the outcome of a write.
func (s *story) refusedNothing() {
	s.Helper()
	if all := s.book.Totals(); all.Failed+all.Unknown > 0 {
		s.Errorf("clients noticed: %+v", all)
	}
}

// tells waits until the cluster says of a member what it should, in the line below the table of pgvigil list.
func (s *story) tells(n *lab.Node, want string) {
	s.Helper()
	said := ""
	s.eventually(fmt.Sprintf("%s says %q", n.Name, want), func() bool {
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		var answer struct {
			Members []struct{ Name, Message string }
		}
		_, body, err := n.Get(ctx, "/v1/status")
		if err != nil || json.Unmarshal(body, &answer) != nil {
			return false
		}
		i := slices.IndexFunc(answer.Members, func(m struct{ Name, Message string }) bool { return m.Name == n.Name })
		if i < 0 {
			return false
		}
		said = answer.Members[i].Message
		return said == want || want != "" && strings.Contains(said, want)
	})
	s.Logf("%s: %q", n.Name, said)
}

// keeps fails the test if what the server's own files said is lost.
func (s *story) keeps(n *lab.Node, etc bool) {
	s.Helper()
	conn, err := n.ConnectSuperuser(s.Context())
	s.do(err)
	defer conn.Close(s.Context())
	var memory, connections, pending string
	s.do(conn.QueryRow(s.Context(), `select current_setting('work_mem'), current_setting('max_connections'),
		(select string_agg(name, ' ' order by name) from pg_settings where pending_restart)`).Scan(&memory, &connections, &pending))
	if memory != "5MB" || connections != "60" || !strings.Contains(pending, "wal_log_hints") {
		s.Errorf("work_mem %s, max_connections %s, pending %s", memory, connections, pending)
	}
	s.Logf("restart pending: %s", pending)
}
