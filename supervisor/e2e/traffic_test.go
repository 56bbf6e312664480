// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// vip is the virtual address of the cluster: port 5000 writes, 5001 reads, 6432 is pooled.
const vip = "10.99.0.100"

// TestTraffic plays the classic story on a whole deployment: every host with etcd, PostgreSQL, HAProxy, PgBouncer, Keepalived and
// pgvigil, one virtual address, and clients that know nothing else.
func TestTraffic(t *testing.T) {
	t.Parallel()
	c := start(t, lab.Options{PGBin: newest(t), Durability: "quorum"}, deploy(t))
	tr := &traffic{T: t, whole: t, Cluster: c, running: map[*lab.Node]map[string]program{}}
	for _, n := range c.Nodes {
		tr.boot(n)
	}
	for _, f := range []struct {
		name string
		play func(*traffic, *story)
		// within is how long writers may have to wait.
		within time.Duration
	}{
		{"switchover", (*traffic).switchover, 5 * time.Second},
		{"supervisor of the primary stopped", (*traffic).stopSupervisor, 5 * time.Second},
		{"postmaster killed", (*traffic).killPostmaster, 5 * time.Second},
		{"host with the address, the primary and etcd's leader lost", (*traffic).loseHost, 10 * time.Second},
		{"primary cut off, healed", (*traffic).cutOff, 10 * time.Second},
		{"haproxy killed on the host with the address", (*traffic).killHAProxy, 5 * time.Second},
		{"standby behind the limit of the port for reads", (*traffic).fallBehind, 5 * time.Second},
	} {
		ok := t.Run(f.name, func(t *testing.T) {
			tr.T = t
			tr.well()
			speed := usual
			speed.through = vip
			s := beginAt(t, c, speed)
			watch := tr.watchHolders()
			f.play(tr, s)
			tr.well()
			s.end()
			if both := watch.stop(); both > time.Second {
				t.Errorf("two hosts that reach each other held the address for %s", both)
			}
			if gap := s.book.Gap(s.mark); gap > f.within {
				t.Errorf("clients had to wait for %s, more than %s", gap, f.within)
			}
		})
		if !ok {
			t.Fatal("the deployment is not fit for the next fault")
		}
	}
}

// deploy has pgvigil render the configurations of what moves the traffic, and the supervisors lead it.
func deploy(t *testing.T) func(*lab.Cluster) {
	return func(c *lab.Cluster) {
		config, err := c.ClientConfig(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var members []string
		for _, n := range c.Nodes {
			members = append(members, "--member="+n.Name+"="+n.Address)
		}
		for _, n := range c.Nodes {
			in := func(name string) string { return filepath.Join(n.Dir(), name) }
			blocks := fmt.Sprintf(routerBlocks, in("haproxy.sock"), vip, in("vrrp"), in("haproxy.sock"),
				n.SocketDir(), config.User, config.Password)
			if err := n.Configure(n.Config() + blocks); err != nil {
				t.Fatal(err)
			}
			files := map[string]string{
				"haproxy.cfg":     rendered(t, c, n, "haproxy", members...),
				"keepalived.conf": rendered(t, c, n, "keepalived", append(members, "--vip="+vip+"/24", "--interface=eth0")...),
				"users.txt":       fmt.Sprintf("%q %q\n", config.User, config.Password),
				"pgbouncer.ini":   strings.Replace(rendered(t, c, n, "pgbouncer"), "/etc/pgbouncer/userlist.txt", in("users.txt"), 1),
			}
			for name, text := range files {
				if err := n.WriteFile(in(name), text); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

const routerBlocks = `
router "haproxy" {
  sockets         = [%q]
  replica_backend = "replica"
  max_lag         = "16MB"
}

router "keepalived" {
  vip             = %q
  follow          = "haproxy"
  track_file      = %q
  haproxy_socket  = %q
  haproxy_backend = "primary"
}

router "pgbouncer" {
  consoles = ["host=%s user=%s"]
  password = %q
}
`

// rendered is what pgvigil render prints for a node while nothing runs yet.
func rendered(t *testing.T, c *lab.Cluster, n *lab.Node, product string, flags ...string) string {
	t.Helper()
	var out []byte
	args := append([]string{"render", product, "--config", n.ConfigFile()}, flags...)
	err := c.AsClient(func() (err error) {
		out, err = exec.Command(filepath.Join(binaries(), "pgvigil"), args...).Output()
		return err
	})
	if err != nil {
		t.Fatalf("pgvigil %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// program is one that was started beside a node.
type program struct {
	pid int
	end func() error
}

// traffic is what moves it, and the clients.
type traffic struct {
	*testing.T
	whole *testing.T
	*lab.Cluster
	running map[*lab.Node]map[string]program
	// away is the host that reaches no other.
	away atomic.Pointer[lab.Node]
}

// boot starts what moves the traffic of a host.
func (tr *traffic) boot(n *lab.Node) {
	tr.Helper()
	tr.running[n] = map[string]program{}
	tr.launch(n, "haproxy")
	tr.launch(n, "pgbouncer")
	tr.launch(n, "keepalived")
}

func (tr *traffic) launch(n *lab.Node, name string) {
	tr.Helper()
	in := func(name string) string { return filepath.Join(n.Dir(), name) }
	begin, args := n.Beside, []string{}
	switch name {
	case "haproxy":
		begin = n.BesideAsRoot
		args = []string{"-db", "-f", in("haproxy.cfg")}
	case "pgbouncer":
		args = []string{in("pgbouncer.ini")}
	case "keepalived":
		begin = n.BesideAsRoot
		args = []string{"--dont-fork", "--log-console", "--vrrp", "--use-file", in("keepalived.conf"), "--pid", in("keepalived.pid"), "--vrrp_pid", in("vrrp.pid")}
	}
	pid, end, err := begin(name+".log", name, args...)
	if err != nil {
		tr.Fatal(err)
	}
	tr.running[n][name] = program{pid, end}
	tr.whole.Cleanup(func() { _ = end() }) // not with the present story
}

// loses is the end of what moves the traffic in a power failure of a host.
func (tr *traffic) loses(n *lab.Node) {
	tr.Helper()
	for _, p := range tr.running[n] {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		_ = p.end()
	}
	if held, err := n.Holds(vip); err == nil && held {
		err = n.Forget(vip)
		if err != nil {
			tr.Error(err)
		}
	}
}

// well waits until the cluster is, the address is on the primary's host, and every port answers as it should.
func (tr *traffic) well() {
	tr.Helper()
	ctx, cancel := context.WithTimeout(tr.Context(), patience)
	defer cancel()
	for _, err := range []error{tr.WaitHealthy(ctx), tr.WaitCohort(ctx, 1, tr.Nodes...)} {
		if err != nil {
			tr.Fatal(err)
		}
	}
	var wrong error
	for {
		if wrong = tr.wrong(ctx); wrong == nil {
			return
		}
		if !pause(ctx, 50*time.Millisecond) {
			tr.Fatal(wrong)
		}
	}
}

// wrong tells what is not yet as it should be.
func (tr *traffic) wrong(ctx context.Context) error {
	primary, err := tr.Primary(ctx)
	if err != nil {
		return err
	}
	for _, n := range tr.Nodes {
		if held, err := n.Holds(vip); err != nil || held != (n == primary) {
			return fmt.Errorf("%s has the address: %t; %s is the primary (%v)", n.Name, held, primary.Name, err)
		}
	}
	for port, standby := range map[uint16]bool{5000: false, 5001: true, 6432: false} {
		if got, err := tr.ask(ctx, port); err != nil || got != standby {
			return fmt.Errorf("port %d leads to a standby: %t (%v)", port, got, err)
		}
	}
	return nil
}

// ask tells whether a port of the virtual address leads to a standby.
func (tr *traffic) ask(ctx context.Context, port uint16) (standby bool, err error) {
	config, err := tr.ClientConfigTo(vip, port, time.Second)
	if err != nil {
		return false, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&standby)
	return standby, err
}

func (tr *traffic) switchover(s *story) {
	s.do(s.primary.Switchover(s.Context(), nil))
	s.moved()
	s.moreAcks(50)
}

func (tr *traffic) stopSupervisor(s *story) {
	s.do(s.primary.TermSupervisor(patience))
	s.moreAcks(50)
	s.do(s.primary.StartSupervisor())
}

func (tr *traffic) killPostmaster(s *story) {
	s.do(s.primary.KillPostmaster())
	s.moved()
	s.moreAcks(50)
}

func (tr *traffic) loseHost(s *story) {
	s.do(s.MoveEtcdLeader(s.Context(), s.primary))
	tr.away.Store(s.primary)
	s.do(s.primary.KillHost())
	tr.loses(s.primary)
	s.moved()
	s.moreAcks(50)
	s.do(s.primary.StartHost())
	tr.away.Store(nil)
	tr.boot(s.primary)
}

// cutOff cuts the primary off and heals: that makes no second gap.
func (tr *traffic) cutOff(s *story) {
	tr.away.Store(s.primary)
	s.do(s.primary.Cut(lab.Cut{}))
	s.moved()
	s.moreAcks(50)
	s.passed(2 * ttl)
	healed := boottime.Now()
	s.do(s.primary.Heal())
	tr.away.Store(nil)
	tr.well()
	s.moreAcks(50)
	if gap := s.book.Gap(healed); gap > 2*time.Second {
		s.Errorf("a second gap of %s when the host came back", gap)
	}
}

func (tr *traffic) killHAProxy(s *story) {
	s.do(syscall.Kill(tr.running[s.primary]["haproxy"].pid, syscall.SIGKILL))
	s.moreAcks(50)
	tr.launch(s.primary, "haproxy")
}

// holders samples who has the virtual address.
type holders struct {
	cancel  context.CancelFunc
	group   sync.WaitGroup
	longest time.Duration
}

func (tr *traffic) watchHolders() *holders {
	ctx, cancel := context.WithCancel(tr.Context())
	h := &holders{cancel: cancel}
	h.group.Go(func() {
		var since boottime.Instant
		for pause(ctx, 20*time.Millisecond) {
			n := 0
			for _, node := range tr.Nodes {
				if held, err := node.Holds(vip); err == nil && held && node != tr.away.Load() {
					n++
				}
			}
			switch now := boottime.Now(); {
			case n < 2:
				since = 0
			case since == 0:
				since = now
			default:
				h.longest = max(h.longest, now.Sub(since))
			}
		}
	})
	return h
}

// stop returns how long two hosts had it at a time.
func (h *holders) stop() time.Duration {
	h.cancel()
	h.group.Wait()
	return h.longest
}
