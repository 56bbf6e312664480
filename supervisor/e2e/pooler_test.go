// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// TestClientsWait switches over under clients of PgBouncers on every host: none sees an error, and every acknowledged write is
// there. While a transaction runs on, a switchover is called off, and they do not notice.
func TestClientsWait(t *testing.T) {
	t.Parallel()
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum"}, withPgBouncer(t))
	for _, n := range c.Nodes {
		_, end, err := n.Beside("pgbouncer.log", "pgbouncer", filepath.Join(n.Dir(), "pgbouncer.ini"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = end() })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WaitCohort(ctx, 1, c.Nodes...); err != nil {
		t.Fatal(err)
	}
	p := newPooled(t, ctx, c)
	for range 3 {
		if primary, err = p.switchOver(ctx, primary); err != nil {
			t.Fatal(err)
		}
	}
	p.calledOff(ctx, primary)
	p.end(ctx, primary)
}

// withPgBouncer writes the configuration of a PgBouncer for every host, and has the supervisors lead it.
func withPgBouncer(t *testing.T) func(*lab.Cluster) {
	return func(c *lab.Cluster) {
		config, err := c.ClientConfig(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range c.Nodes {
			users, databases := filepath.Join(n.Dir(), "users.txt"), filepath.Join(n.Dir(), "databases.ini")
			files := map[string]string{
				users:     fmt.Sprintf("%q %q\n", config.User, config.Password),
				databases: "",
				filepath.Join(n.Dir(), "pgbouncer.ini"): fmt.Sprintf(`[pgbouncer]
listen_addr = %s
listen_port = 6432
unix_socket_dir =
auth_type = trust
auth_file = %s
admin_users = %s
pool_mode = transaction
max_client_conn = 200
server_login_retry = 1
%%include %s
`, n.Address, users, config.User, databases),
			}
			for path, text := range files {
				if err := n.WriteFile(path, text); err != nil {
					t.Fatal(err)
				}
			}
			router := fmt.Sprintf(`
router "pgbouncer" {
  consoles = ["host=%s user=%s"]
  databases_file {
    path    = %q
    entries = { %s = "" }
  }
}
`, n.Address, config.User, databases, config.Database)
			if err := n.Configure(n.Config() + router); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// pooled are clients of all PgBouncers. The first error ends each.
type pooled struct {
	*testing.T
	cluster *lab.Cluster
	stop    context.CancelFunc
	group   sync.WaitGroup

	mu      sync.Mutex
	acked   int
	last    boottime.Instant
	longest time.Duration
	failed  []string
}

const pooledClients = 50

func newPooled(t *testing.T, ctx context.Context, c *lab.Cluster) *pooled {
	t.Helper()
	running, stop := context.WithCancel(ctx)
	p := &pooled{T: t, cluster: c, stop: stop}
	t.Cleanup(func() { stop(); p.group.Wait() })
	conn := p.connect(ctx, c.Nodes[0])
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create table lab.pooled (client int, seq int)"); err != nil {
		t.Fatal(err)
	}
	for i := range pooledClients {
		conn := p.connect(ctx, c.Nodes[i%len(c.Nodes)])
		p.group.Go(func() { p.client(running, conn, i) })
	}
	p.moreAcks(ctx, 500)
	return p
}

// connect goes through the PgBouncer of a host, which may not know the primary yet.
func (p *pooled) connect(ctx context.Context, n *lab.Node) *pgx.Conn {
	p.Helper()
	config, err := p.cluster.ClientConfigTo(n.Address, 6432, 10*time.Second)
	if err != nil {
		p.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			return conn
		}
		if !pause(ctx, 20*time.Millisecond) {
			p.Fatal(err)
		}
	}
}

// pause returns false when the context ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (p *pooled) client(ctx context.Context, conn *pgx.Conn, number int) {
	defer conn.Close(context.WithoutCancel(ctx))
	for seq := 0; ctx.Err() == nil; seq++ {
		// Not cut short by the end of the test: nobody would know what became of the last write.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		_, err := conn.Exec(limited, "insert into lab.pooled values ($1, $2)", number, seq)
		cancel()
		p.note(number, err)
		if err != nil {
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func (p *pooled) note(number int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed = append(p.failed, fmt.Sprintf("client %d: %v", number, err))
		return
	}
	now := boottime.Now()
	if p.acked > 0 {
		p.longest = max(p.longest, now.Sub(p.last))
	}
	p.acked, p.last = p.acked+1, now
}

// took returns the longest time without an acknowledgement since it was called last.
func (p *pooled) took() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := p.longest
	p.longest = 0
	return took
}

func (p *pooled) moreAcks(ctx context.Context, more int) {
	p.Helper()
	p.mu.Lock()
	goal := p.acked + more
	p.mu.Unlock()
	for {
		p.mu.Lock()
		acked, failed := p.acked, len(p.failed)
		p.mu.Unlock()
		if acked >= goal || failed > 0 {
			return
		}
		if !pause(ctx, 5*time.Millisecond) {
			p.Fatalf("%d writes, not %d", acked, goal)
		}
	}
}

// switchOver moves the leadership and returns the new primary.
func (p *pooled) switchOver(ctx context.Context, from *lab.Node) (*lab.Node, error) {
	p.Helper()
	p.took()
	asked := boottime.Now()
	if err := from.Switchover(ctx, nil); err != nil {
		return nil, err
	}
	p.moreAcks(ctx, 200)
	to, err := p.cluster.WaitPrimary(ctx)
	if err != nil {
		return nil, err
	}
	waited := p.took()
	p.Logf("from %s to %s: longest time without a write of %d clients: %s", from.Name, to.Name, pooledClients, waited.Round(time.Millisecond))
	if err := p.cluster.WaitHealthy(ctx); err != nil {
		return nil, err
	}
	for _, n := range p.cluster.Nodes {
		p.timed(ctx, n, asked, waited)
	}
	return to, p.cluster.WaitCohort(ctx, 1, p.cluster.Nodes...)
}

// timed checks that what a node tells of the switchover agrees with what clients saw: nobody writes while there is no primary, which
// is a part of the time for which clients are held back, which is a part of the whole.
func (p *pooled) timed(ctx context.Context, n *lab.Node, asked boottime.Instant, waited time.Duration) {
	p.Helper()
	gap, wait, over := n.Handover(ctx)
	for ; !over; gap, wait, over = n.Handover(ctx) {
		if !pause(ctx, 20*time.Millisecond) {
			p.Fatalf("%s does not see the end of the hand-over", n.Name)
		}
	}
	p.Logf("%s: without a primary for %s, clients held back for %s", n.Name, gap.Round(time.Millisecond), wait.Round(time.Millisecond))
	whole := boottime.Now().Sub(asked)
	const late = 100 * time.Millisecond // what is seen in the DCS may be
	if gap <= 0 || gap > waited+late || wait < gap || wait > whole+late {
		p.Errorf("%s tells of a gap of %s and a wait of %s; clients waited for %s of %s", n.Name, gap, wait, waited, whole)
	}
}

// calledOff asks for a switchover while a transaction runs on.
func (p *pooled) calledOff(ctx context.Context, primary *lab.Node) {
	p.Helper()
	other := p.cluster.Except(primary)[0]
	conn := p.connect(ctx, other)
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "select count(*) from lab.pooled"); err != nil {
		p.Fatal(err)
	}
	want := "clients cannot be held back on " + other.Name
	if err := primary.Switchover(ctx, nil); err == nil || !strings.Contains(err.Error(), want) {
		p.Errorf("a switchover while a transaction runs on ended with %v, want %q", err, want)
	}
	p.moreAcks(ctx, 200)
	if now, err := p.cluster.WaitPrimary(ctx); err != nil || now != primary {
		p.Errorf("%v leads, %v", now, err)
	}
	if err := tx.Commit(ctx); err != nil {
		p.Errorf("the transaction that ran on: %v", err)
	}
}

// end stops the clients and counts.
func (p *pooled) end(ctx context.Context, primary *lab.Node) {
	p.Helper()
	p.stop()
	p.group.Wait()
	for _, f := range p.failed {
		p.Error(f)
	}
	conn, err := primary.ConnectSuperuser(ctx)
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close(ctx)
	var rows int
	if err := conn.QueryRow(ctx, "select count(*) from lab.pooled").Scan(&rows); err != nil || rows < p.acked {
		p.Errorf("%d rows of %d that were acknowledged: %v", rows, p.acked, err)
	}
}
