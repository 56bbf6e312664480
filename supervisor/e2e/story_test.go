// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/checker"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/register"
)

const (
	ttl = 5 * time.Second
	// patience is how long a cluster may take to get well again by itself, on a busy machine.
	patience = 60 * time.Second
)

// pace is how quickly the nodes of a cluster answer when nothing is wrong.
type pace struct {
	// connect is how long a writer waits for a connection before it tries the next node.
	connect time.Duration
	// sample is how long the checker waits for an answer.
	sample time.Duration
	// pause is how long a writer rests between two writes.
	pause time.Duration
	// through is the one address that writers connect to, at port 5000; empty: the nodes, one after the other.
	through string
}

var usual = pace{connect: 250 * time.Millisecond, sample: 200 * time.Millisecond, pause: 4 * time.Millisecond}

// start brings a cluster up and shows the logs of its nodes if the test fails.
func start(t *testing.T, options lab.Options, prepare ...func(*lab.Cluster)) *lab.Cluster {
	t.Helper()
	options.Bin, options.Netns = binaries(), true
	if options.TTL == 0 {
		options.TTL = ttl
	}
	c, err := lab.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keepLogs(t, c)
		if err := c.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	for _, f := range prepare {
		f(c)
	}
	limit := 2 * patience
	if options.Virtual > 0 {
		limit *= 2
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := c.Up(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// keepLogs copies the logs to where CI can fetch them (PGVIGIL_E2E_LOGS), or else shows the ends of the supervisors' if
// the test failed.
func keepLogs(t *testing.T, c *lab.Cluster) {
	dir := os.Getenv("PGVIGIL_E2E_LOGS")
	for _, n := range c.Nodes {
		if dir != "" {
			copyLogs(t, n, filepath.Join(dir, t.Name(), n.Name))
		} else if t.Failed() {
			text, err := os.ReadFile(n.SupervisorLog())
			t.Logf("end of the log of %s (%v):\n%s", n.Name, err, text[max(0, len(text)-4000):])
		}
	}
}

func copyLogs(t *testing.T, n *lab.Node, target string) {
	err := os.RemoveAll(target)
	if err == nil {
		err = os.CopyFS(target, os.DirFS(filepath.Dir(n.SupervisorLog())))
	}
	if err != nil {
		t.Logf("logs of %s: %v", n.Name, err)
	}
}

// story is one fault, with writers writing and everybody watched, from a healthy cluster to a healthy cluster.
type story struct {
	*testing.T
	*lab.Cluster
	primary  *lab.Node
	standbys []*lab.Node
	book     *ledger.Ledger
	writer   *ledger.Writer
	watch    *checker.Checker
	mark     boottime.Instant
	// guests write on one host whatever its role; registers is the workload whose history is to be linearizable. Both may be nil.
	guests    *ledger.Writer
	registers *register.Workload
	quorum    bool
	late      string // what made the fault another one than it was meant to be
}

// begin waits until the cluster is healthy and starts writers and checker.
func begin(t *testing.T, c *lab.Cluster) *story {
	t.Helper()
	return beginAt(t, c, usual)
}

// beginAt is begin for a cluster of another pace.
func beginAt(t *testing.T, c *lab.Cluster, speed pace) *story {
	t.Helper()
	s := &story{T: t, Cluster: c, book: ledger.New(2, nil), watch: &checker.Checker{Deadline: speed.sample}, quorum: c.Durability() == "quorum"}
	if s.quorum {
		s.watch.Deposed = ttl
	}
	s.healthy()
	s.inStep()
	s.primary = s.leader()
	s.standbys = c.Except(s.primary)
	s.startWriter(speed)
	var targets []checker.Target
	for _, n := range c.Nodes {
		targets = append(targets, checker.Target{Name: n.Name, Connect: n.Connect, Epoch: n.Epoch})
	}
	s.watch.Start(targets...)
	t.Cleanup(s.watch.Stop)
	s.eventually("every node answers the checker", func() bool {
		for _, n := range c.Nodes {
			if s.watch.Answered(n.Name) == 0 {
				return false
			}
		}
		return true
	})
	s.moreAcks(50)
	s.mark = boottime.Now()
	return s
}

func (s *story) startWriter(speed pace) {
	s.Helper()
	config, err := s.ClientConfig(speed.connect)
	if speed.through != "" {
		config, err = s.ClientConfigTo(speed.through, 5000, speed.connect)
	}
	s.do(err)
	s.writer = &ledger.Writer{Config: config, Ledger: s.book, Pause: speed.pause}
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	if err := s.writer.Start(ctx); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := s.writer.Stop(); err != nil {
			s.Error(err)
		}
	})
}

// healthy waits until one node leads and all others, but those left out, stream from it.
func (s *story) healthy(without ...*lab.Node) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if err := s.WaitHealthy(ctx, without...); err != nil {
		s.Fatal(err)
	}
}

// inStep waits, with quorum durability, until all nodes are of the cohort and PostgreSQL waits for it.
func (s *story) inStep() {
	s.Helper()
	if s.quorum {
		s.cohort(1, s.Nodes...)
	}
}

// cohort waits until these nodes are the cohort, with k, in the DCS and for PostgreSQL.
func (s *story) cohort(k int, nodes ...*lab.Node) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	s.do(s.WaitCohort(ctx, k, nodes...))
}

// leader waits for the one node that says it is the primary.
func (s *story) leader() *lab.Node {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	primary, err := s.WaitPrimary(ctx)
	if err != nil {
		s.Fatal(err)
	}
	return primary
}

// moved waits until another node than the first primary leads.
func (s *story) moved() *lab.Node {
	s.Helper()
	var now *lab.Node
	s.eventually("another node leads", func() bool {
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		primary, err := s.Primary(ctx)
		now = primary
		return err == nil && primary != s.primary
	})
	return now
}

// do fails the test if a step of the story could not be played.
func (s *story) do(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// moreAcks waits until so many more writes are acknowledged.
func (s *story) moreAcks(n int) {
	s.Helper()
	want := s.book.Totals().Acknowledged + n
	s.eventually("more acknowledged writes", func() bool { return s.book.Totals().Acknowledged >= want })
}

func (s *story) eventually(what string, done func() bool) {
	s.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			s.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// always fails the test if something ceases to be true during a time.
func (s *story) always(what string, during time.Duration, holds func() bool) {
	s.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	end := time.After(during)
	for {
		if !holds() {
			s.Fatalf("not all the time: %s", what)
		}
		select {
		case <-ticker.C:
		case <-end:
			return
		}
	}
}

// pass lets time go by while the cluster runs.
func (s *story) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.Context().Done():
	}
}

// passed waits until the fault was played so long ago.
func (s *story) passed(d time.Duration) { s.pass(s.mark.Add(d).Sub(boottime.Now())) }

// end waits until the cluster is well and compares the ledger with every server. Nodes that are down for good may be left
// out. It returns what became of the writes.
func (s *story) end(without ...*lab.Node) ledger.Report {
	s.Helper()
	s.healthy(without...)
	if len(without) == 0 {
		s.inStep()
	}
	s.moreAcks(50)
	gap := s.book.Gap(s.mark)
	s.stopWriting()
	report := s.verify(without)
	s.watch.Stop()
	s.Logf("gap %s; %s; two writable, one of them replaced, for %s", gap.Round(time.Millisecond), report, s.watch.Beside())
	for _, sentence := range s.watch.Violations() {
		s.Error(sentence)
	}
	for _, entry := range s.book.Overtaken() {
		s.Errorf("acknowledged by a replaced primary after the newer one's first acknowledgement: %s", entry)
	}
	if s.quorum && report.Lost() > 0 {
		s.Errorf("%d acknowledged writes lost: %v", report.Lost(), report.Discarded)
	}
	s.linearizable()
	for _, entry := range report.Missing {
		s.Errorf("acknowledged on the surviving line, and missing: %s", entry)
	}
	for _, row := range report.Phantom {
		s.Errorf("row that nobody may have written: %s", row)
	}
	return report
}

func (s *story) stopWriting() {
	s.Helper()
	if s.guests != nil {
		s.do(s.guests.Stop())
	}
	s.do(s.writer.Stop())
}

// verify reads the ledger back from the primary, and compares all standbys with it but those left out.
func (s *story) verify(without []*lab.Node) ledger.Report {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	primary := s.leader()
	conn, err := primary.ConnectSuperuser(ctx)
	s.do(err)
	defer conn.Close(ctx)
	report, err := s.book.Verify(ctx, conn)
	s.do(err)
	want, err := ledger.ReadDigest(ctx, conn)
	s.do(err)
	position, err := ledger.Position(ctx, conn)
	s.do(err)
	for _, n := range s.Except(primary) {
		if slices.Contains(without, n) {
			continue
		}
		if got := s.replica(ctx, n, position); got != want {
			s.Errorf("rows of %s: %+v, of the primary: %+v", n.Name, got, want)
		}
	}
	return report
}

func (s *story) replica(ctx context.Context, n *lab.Node, position string) ledger.Digest {
	s.Helper()
	conn, err := n.ConnectSuperuser(ctx)
	s.do(err)
	defer conn.Close(ctx)
	s.do(ledger.AwaitReplay(ctx, conn, position))
	digest, err := ledger.ReadDigest(ctx, conn)
	s.do(err)
	return digest
}
