// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/container"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

const (
	guideVIP = "10.0.0.100"
	// clients write with, and as many without PgBouncer.
	clients = 4
)

// guide is what docs/quickstart.md makes of three hosts.
type guide struct {
	*testing.T // of the step
	whole      *testing.T
	ctx        context.Context
	hub        string
	hosts      []*guideHost
	blocks     []block
	// direct and pooled write at the virtual address.
	direct, pooled *ledger.Writer
}

// guideHost is a Debian with nothing but its base system, a network and an ssh daemon, until the guide is followed.
type guideHost struct {
	*container.Container
	// root is the disk as it was at first, or several of them, the upper ones first; dir keeps what is written.
	name, address, netns, root, dir string
}

// TestQuickstart runs the commands of docs/quickstart.md on three hosts with a systemd of their own, and then what the rest of
// the document promises, while clients write.
func TestQuickstart(t *testing.T) {
	g := newGuide(t)
	for _, step := range []struct {
		name string
		test func(*guide)
	}{
		{"installed", (*guide).installed},
		{"switched over", (*guide).switchedOver},
		{"stopped", (*guide).stopped},
		{"host lost", (*guide).hostLost},
		{"supervisor lost", (*guide).supervisorLost},
		{"upgraded", (*guide).upgraded},
		{"nothing lost", (*guide).nothingLost},
		{"removed", (*guide).removed},
	} {
		began := time.Now()
		passed := t.Run(step.name, func(t *testing.T) {
			g.T = t
			step.test(g)
		})
		g.T = g.whole
		t.Logf("%s: %s", step.name, time.Since(began).Round(100*time.Millisecond))
		if !passed {
			g.show()
			t.FailNow()
		}
	}
}

func newGuide(t *testing.T) *guide {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	g := &guide{T: t, whole: t, ctx: ctx, hub: fmt.Sprintf("pgv-%d-guide", os.Getpid()), blocks: quickstart(t)}
	addNamespace(t, g.hub)
	ip(t, "-n "+g.hub+" link add br0 type bridge")
	ip(t, "-n "+g.hub+" link set br0 up")
	plug(t, g.hub, "clients", "10.0.0.254/24")
	root := g.withPackages()
	for i := range 3 {
		h := g.host(fmt.Sprintf("node%d", i+1), root)
		h.address = fmt.Sprintf("10.0.0.%d", i+1)
		h.netns = plug(t, g.hub, h.name, h.address+"/24")
		g.hosts = append(g.hosts, h)
	}
	g.everywhere(g.hosts, func(h *guideHost) error { return h.boot(ctx) })
	g.trust()
	return g
}

// withPackages has one host follow the first section. Its disk, without what makes it that host, is what the three begin with:
// to install the same three times would show nothing more.
func (g *guide) withPackages() (root string) {
	root, err := container.RootWithApt()
	if err != nil {
		g.Fatal(err)
	}
	h := g.host("node", root)
	if err := h.boot(g.ctx); err != nil {
		g.Fatal(err)
	}
	g.hosts = []*guideHost{h}
	g.offer("0.1.0")
	g.timed("Packages")
	if err := h.Close(); err != nil {
		g.Fatal(err)
	}
	g.hosts, h.Container = nil, nil
	if err := os.Remove(filepath.Join(h.dir, "upper/etc/machine-id")); err != nil {
		g.Fatal(err)
	}
	return filepath.Join(h.dir, "upper") + ":" + root
}

// host is one that is not booted yet, with its disk.
func (g *guide) host(name, root string) *guideHost {
	dir, err := lab.NewDir()
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { os.RemoveAll(dir) })
	hostname := filepath.Join(dir, "upper/etc/hostname")
	if err := errors.Join(os.MkdirAll(filepath.Dir(hostname), 0o755), os.WriteFile(hostname, []byte(name+"\n"), 0o644)); err != nil {
		g.Fatal(err)
	}
	h := &guideHost{name: name, root: root, dir: dir}
	g.Cleanup(func() {
		if h.Container != nil {
			if err := h.Close(); err != nil {
				g.Error(err)
			}
		}
	})
	return h
}

func (h *guideHost) boot(ctx context.Context) (err error) {
	h.Container, err = container.BootIn(ctx, h.root, h.dir, h.netns)
	return err
}

// packaged is the package of a version that contrib/lab/packages.sh made.
func packaged(t testing.TB, version string) (deb string) {
	t.Helper()
	dir := cmp.Or(os.Getenv("PGVIGIL_TEST_PACKAGES"), "../../build/upgrade")
	found, _ := filepath.Glob(filepath.Join(dir, version, "pgvigil_*_"+runtime.GOARCH+".deb"))
	if len(found) != 1 {
		t.Fatalf("no package of version %s in %s (contrib/lab/packages.sh %[2]s)", version, dir)
	}
	return found[0]
}

// offer leaves the package of a version, and no other, in root's home directories.
func (g *guide) offer(version string) {
	g.Helper()
	deb := packaged(g, version)
	for _, h := range g.hosts {
		g.do(h, "rm -f /root/pgvigil_*")
		if out, err := exec.Command("cp", deb, h.Path("/root/")).CombinedOutput(); err != nil {
			g.Fatalf("%v: %s", err, out)
		}
	}
}

// trust lets root of every host into node1 by ssh.
func (g *guide) trust() {
	g.do(g.hosts[0], "mkdir -p -m 0700 /root/.ssh")
	for _, h := range g.hosts[1:] {
		g.do(h, "mkdir -p -m 0700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; "+
			"echo 'StrictHostKeyChecking accept-new' >/root/.ssh/config")
		g.do(g.hosts[0], "echo '"+g.do(h, "cat /root/.ssh/id_ed25519.pub")+"' >>/root/.ssh/authorized_keys")
	}
}

// sh runs a line of the shell on the host, as root who has logged in.
func (h *guideHost) sh(ctx context.Context, line string) (string, error) {
	line = strings.ReplaceAll(line, "_amd64.deb", "_"+runtime.GOARCH+".deb")
	out, err := h.Command(ctx, "env", "HOME=/root", "USER=root", "DEBIAN_FRONTEND=noninteractive",
		"bash", "-c", "cd; "+line).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %s: %w:\n%s", h.name, line, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func (g *guide) do(h *guideHost, line string) string {
	g.Helper()
	out, err := h.sh(g.ctx, line)
	if err != nil {
		g.Fatal(err)
	}
	return out
}

// everywhere does something on hosts at the same time.
func (g *guide) everywhere(hosts []*guideHost, f func(*guideHost) error) {
	g.Helper()
	errs := make([]error, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() { errs[i] = f(h) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		g.Fatal(err)
	}
}

// eventually waits for a condition, which says what is amiss.
func (g *guide) eventually(what string, holds func() error) {
	g.Helper()
	if err := await(g.ctx, holds); err != nil {
		g.Fatalf("%s: %v", what, err)
	}
}

func await(ctx context.Context, holds func() error) error {
	for end := time.Now().Add(90 * time.Second); ; {
		err := holds()
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// follow runs the blocks of a section, line by line, and returns what they said.
func (g *guide) follow(section string) (said string) {
	g.Helper()
	found := false
	for _, b := range g.blocks {
		if b.section != section {
			continue
		}
		found = true
		said += g.run(b)
	}
	if !found {
		g.Fatalf("docs/quickstart.md has no commands in %q", section)
	}
	return said
}

func (g *guide) run(b block) string {
	g.Helper()
	var hosts []*guideHost
	for _, h := range g.hosts {
		if len(b.hosts) == 0 || slices.Contains(b.hosts, h.name) {
			hosts = append(hosts, h)
		}
	}
	var mu sync.Mutex
	said := ""
	on := func(h *guideHost) error {
		for _, line := range b.lines {
			out, err := g.read(h, line)
			if err != nil {
				return err
			}
			mu.Lock()
			said += out + "\n"
			mu.Unlock()
		}
		return nil
	}
	if !b.inTurn {
		g.everywhere(hosts, on)
		return said
	}
	for _, h := range hosts {
		if err := on(h); err != nil {
			g.Fatal(err)
		}
	}
	return said
}

// look are lines that change nothing: who follows the guide looks until it is well.
var look = regexp.MustCompile(`^(etcdctl endpoint health|pgvigil list|pgvigil doctor)`)

// up is how a member looks that runs.
var up = regexp.MustCompile(`(?m)^node\d .* (Leader .*running|Replica .*streaming) `)

// read does what a line says.
func (g *guide) read(h *guideHost, line string) (out string, err error) {
	if !look.MatchString(line) {
		return h.sh(g.ctx, line)
	}
	err = await(g.ctx, func() (err error) {
		out, err = h.sh(g.ctx, line)
		if started := g.started(); err == nil && line == "pgvigil list" && len(up.FindAllString(out, -1)) < started {
			err = fmt.Errorf("%d members were started, pgvigil list shows:\n%s", started, out)
		}
		return err
	})
	return out, err
}

// started is on how many hosts the service runs.
func (g *guide) started() (n int) {
	for _, h := range g.hosts {
		if _, err := h.sh(g.ctx, "systemctl is-active pgvigil"); err == nil {
			n++
		}
	}
	return n
}

// timed follows a section and logs how long that took.
func (g *guide) timed(section string) {
	g.Helper()
	began := time.Now()
	g.follow(section)
	g.Logf("%s: %s", section, time.Since(began).Round(100*time.Millisecond))
}

func (g *guide) installed() {
	for _, section := range []string{"Configuration", "etcd", "The cluster", "The way in"} {
		g.timed(section)
	}
	g.well()
	g.write()
}

// leader is who leads, by the supervisors' word.
func (g *guide) leader() *guideHost {
	g.Helper()
	var status struct{ Cluster struct{ Leader string } }
	for _, h := range g.hosts {
		out, err := h.sh(g.ctx, "pgvigil list -o json")
		if err != nil || json.Unmarshal([]byte(out), &status) != nil {
			continue
		}
		for _, leader := range g.hosts {
			if leader.name == status.Cluster.Leader {
				return leader
			}
		}
	}
	g.Fatal("nobody leads")
	return nil
}

// well waits until all hosts say that the cluster is, one has the virtual address, and its ports lead where they should.
func (g *guide) well() {
	g.Helper()
	g.eventually("all is well", func() error {
		var held []string
		for _, h := range g.hosts {
			if out, err := h.sh(g.ctx, "pgvigil list --check"); err != nil {
				return err
			} else if n := len(up.FindAllString(out, -1)); n < len(g.hosts) {
				return errors.New(out)
			}
			if h.holdsVIP() {
				held = append(held, h.name)
			}
		}
		if len(held) != 1 {
			return fmt.Errorf("the virtual address is on %v", held)
		}
		for port, want := range map[uint16]bool{5000: false, 5001: true, 6432: false} {
			if standby, err := g.ask(port); err != nil || standby != want {
				return fmt.Errorf("port %d leads to a standby: %t (%v)", port, standby, err)
			}
		}
		return nil
	})
}

func (h *guideHost) holdsVIP() bool {
	out, err := exec.Command("ip", "-n", h.netns, "-o", "address", "show", "to", guideVIP).Output()
	return err == nil && len(out) > 0
}

func (g *guide) ask(port uint16) (standby bool, err error) {
	conn, err := pgx.ConnectConfig(g.ctx, g.client("app", port))
	if err != nil {
		return false, err
	}
	defer conn.Close(g.ctx)
	err = conn.QueryRow(g.ctx, "select pg_is_in_recovery()").Scan(&standby)
	return standby, err
}

// client connects to the virtual address from another host, as the user that the guide made.
func (g *guide) client(database string, port uint16) *pgx.ConnConfig {
	g.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf(
		"host=%s port=%d user=app password='change me' dbname=%s sslmode=disable connect_timeout=1", guideVIP, port, database))
	if err != nil {
		g.Fatal(err)
	}
	config.DialFunc = lab.DialFrom(g.hub + "-clients")
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config
}

// administrator connects as PostgreSQL's superuser, who may read the history of timelines.
func (g *guide) administrator(database string) *pgx.Conn {
	g.Helper()
	config := g.client(database, 5000)
	config.User, config.Password = "postgres", g.do(g.hosts[0], "cat /etc/pgvigil/superuser.password")
	conn, err := pgx.ConnectConfig(g.ctx, config)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// write starts the clients. Those of PgBouncer have a database of their own, and are patient: they wait out a pause.
func (g *guide) write() {
	begin := func(database string, port uint16, timeout time.Duration) *ledger.Writer {
		conn := g.administrator(database)
		if _, err := conn.Exec(g.ctx, "create schema lab authorization app"); err != nil {
			g.Fatal(err)
		}
		w := &ledger.Writer{
			Config: g.client(database, port), Ledger: ledger.New(clients, nil), Pause: 20 * time.Millisecond, Timeout: timeout,
		}
		if err := w.Start(g.ctx); err != nil {
			g.Fatal(err)
		}
		g.whole.Cleanup(func() { _ = w.Stop() })
		return w
	}
	if _, err := g.administrator("app").Exec(g.ctx, "create database pooled owner app"); err != nil {
		g.Fatal(err)
	}
	g.direct, g.pooled = begin("app", 5000, time.Second), begin("pooled", 6432, 5*time.Second)
	g.flows(boottime.Now())
}

// flows waits until every client has been served since an instant.
func (g *guide) flows(since boottime.Instant) {
	g.Helper()
	g.eventually("writes", func() error {
		if d, p := g.direct.Ledger.AckedAfter(since), g.pooled.Ledger.AckedAfter(since); d < 40 || p < 40 {
			return fmt.Errorf("since then %d writes were acknowledged, %d pooled", d, p)
		}
		return nil
	})
}

// during does something while clients write, waits until all is well again, and tells for how long they waited.
func (g *guide) during(what string, do func()) (direct, pooled time.Duration) {
	g.Helper()
	before, pooledBefore, since := g.direct.Ledger.Totals(), g.pooled.Ledger.Totals(), boottime.Now()
	do()
	g.well()
	g.flows(boottime.Now())
	direct, pooled = g.direct.Ledger.Gap(since), g.pooled.Ledger.Gap(since)
	g.Logf("%s: no write was acknowledged for %s, with PgBouncer for %s; errors: %d, %d with PgBouncer",
		what, direct.Round(time.Millisecond), pooled.Round(time.Millisecond),
		errorsSince(g.direct, before), errorsSince(g.pooled, pooledBefore))
	return direct, pooled
}

// errorsSince counts the writes, since then, after which a client had to connect anew.
func errorsSince(w *ledger.Writer, before ledger.Totals) int {
	now := w.Ledger.Totals()
	return now.Failed - before.Failed + now.Unknown - before.Unknown
}

// bounded fails if clients waited for longer than a failover may take on a machine that is busy.
func (g *guide) bounded(direct, pooled time.Duration) {
	g.Helper()
	if longest := max(direct, pooled); longest > 15*time.Second {
		g.Errorf("clients waited for %s", longest)
	}
}

func (g *guide) switchedOver() {
	old := g.leader()
	g.bounded(g.during("switchover", func() { g.follow("Switching over") }))
	if g.leader() == old {
		g.Errorf("%s still leads", old.name)
	}
}

func (g *guide) stopped() {
	old := g.leader()
	g.bounded(g.during("systemctl stop pgvigil on the primary's host", func() {
		g.do(old, "systemctl stop pgvigil")
		if left := g.do(old, "pgrep -u postgres -x 'postgres|pgvigild|pgvigil-launche' || true"); left != "" {
			g.Errorf("left on %s: %s", old.name, left)
		}
		g.do(old, "systemctl start pgvigil")
	}))
	if g.leader() == old {
		g.Errorf("%s still leads", old.name)
	}
}

// A host that loses its power is replaced, and comes back by what the guide has enabled.
func (g *guide) hostLost() {
	old := g.leader()
	g.bounded(g.during("power of the primary's host lost, and back", func() {
		g.powerOff(old)
		since := boottime.Now()
		g.flows(since)
		ip(g.T, "-n "+g.hub+" link set "+old.name+" up")
		if err := old.boot(g.ctx); err != nil {
			g.Fatal(err)
		}
	}))
	if g.leader() == old {
		g.Errorf("%s still leads", old.name)
	}
}

// powerOff ends a host without a word of it to the others. It boots with the addresses that the namespace keeps.
func (g *guide) powerOff(h *guideHost) {
	g.Helper()
	ip(g.T, "-n "+g.hub+" link set "+h.name+" down")
	if err := h.Close(); err != nil {
		g.Fatal(err)
	}
	h.Container = nil
	if h.holdsVIP() {
		ip(g.T, "-n "+h.netns+" address delete "+guideVIP+"/32 dev eth0")
	}
}

// A supervisor that cannot be started again is replaced before its lease is over, and what it has left is ended by then. The
// others give it most of that time, for its PostgreSQL lives; what looks at it from afar is not exact.
func (g *guide) supervisorLost() {
	const lease, slack = 30 * time.Second, 2 * time.Second // ttl by default
	old := g.leader()
	direct, pooled := g.during("the primary's supervisor killed, and not to be started", func() {
		since := boottime.Now()
		g.do(old, "chmod a-x /usr/bin/pgvigild && systemctl kill -s KILL --kill-who=main pgvigil")
		g.eventually("another leads", func() error {
			if g.leader() == old {
				return errors.New("none does")
			}
			return nil
		})
		g.eventually("the former primary has ended", func() error {
			if left := g.do(old, "pgrep -u postgres -x 'postgres|pgvigil-launche' || true"); left != "" {
				return fmt.Errorf("left: %s", left)
			}
			return nil
		})
		if took := boottime.Now().Sub(since); took > lease+slack {
			g.Errorf("PostgreSQL of %s has ended after %s", old.name, took)
		}
		g.do(old, "chmod a+x /usr/bin/pgvigild")
	})
	if longest := max(direct, pooled); longest > lease {
		g.Errorf("clients waited for %s", longest)
	}
}

// An upgrade of the package, and new supervisors, are noticed by nobody.
func (g *guide) upgraded() {
	leader, before, pooledBefore := g.leader(), g.direct.Ledger.Totals(), g.pooled.Ledger.Totals()
	postmasters := map[string]string{}
	for _, h := range g.hosts {
		postmasters[h.name] = g.postmaster(h)
	}
	g.offer("0.2.0")
	amiss := g.checked(leader)
	direct, pooled := g.during("upgrade of all three hosts", func() { g.follow("Upgrading") })
	if err := amiss(); err != nil {
		g.Errorf("health checks of the primary: %v", err)
	}
	if longest := max(direct, pooled); longest > time.Second {
		g.Errorf("clients waited for %s", longest)
	}
	if n := errorsSince(g.direct, before) + errorsSince(g.pooled, pooledBefore); n > 0 {
		g.Errorf("clients have seen %d errors", n)
	}
	if now := g.leader(); now != leader {
		g.Errorf("%s leads, before %s", now.name, leader.name)
	}
	for _, h := range g.hosts {
		if now := g.postmaster(h); now != postmasters[h.name] {
			g.Errorf("postmaster of %s: %s, before %s", h.name, now, postmasters[h.name])
		}
		if out := g.do(h, "pgvigil list -o json"); !strings.Contains(out, `"version": "0.2.0"`) {
			g.Errorf("supervisor of %s: %s", h.name, out)
		}
	}
}

// checked asks a primary's supervisor as a load balancer does, only more often, until it is asked what was amiss. One answer
// may be lost, of the connection that a supervisor has just taken when it ends; load balancers wait for more.
func (g *guide) checked(h *guideHost) (amiss func() error) {
	ctx, cancel := context.WithCancel(g.ctx)
	client := http.Client{
		Transport: &http.Transport{DialContext: lab.DialFrom(g.hub + "-clients"), DisableKeepAlives: true}, Timeout: 2 * time.Second,
	}
	done := make(chan error, 1)
	go func() {
		var all, last error
		for ctx.Err() == nil {
			answer, err := client.Head("http://" + h.address + ":8008/primary")
			if err == nil {
				answer.Body.Close()
			}
			if err == nil && answer.StatusCode != http.StatusOK {
				err = errors.New(answer.Status)
			}
			if err != nil && last != nil {
				all = errors.Join(all, last, err)
			}
			last = err
			<-time.After(20 * time.Millisecond)
		}
		done <- all
	}()
	return func() error {
		cancel()
		return <-done
	}
}

func (g *guide) postmaster(h *guideHost) string {
	g.Helper()
	return g.do(h, "head -1 /var/lib/postgresql/17/main/postmaster.pid")
}

func (g *guide) nothingLost() {
	for database, w := range map[string]*ledger.Writer{"app": g.direct, "pooled": g.pooled} {
		if err := w.Stop(); err != nil {
			g.Fatal(err)
		}
		report, err := w.Ledger.Verify(g.ctx, g.administrator(database))
		if err != nil {
			g.Fatal(err)
		}
		g.Logf("%s: %s", database, report)
		if report.Lost() > 0 || len(report.Phantom) > 0 {
			g.Errorf("%s: %s", database, report)
		}
	}
}

// A host whose package is removed leaves the cluster in order, and keeps its data.
func (g *guide) removed() {
	h := g.hosts[2]
	said := g.follow("Removing")
	for _, text := range []string{"/etc/pgvigil stays", "/var/lib/pgvigil stays", "PostgreSQL's data directory stays"} {
		if !strings.Contains(said, text) {
			g.Errorf("apt purge does not say %q:\n%s", text, said)
		}
	}
	g.do(h, "test -f /etc/pgvigil/pgvigil.hcl && test ! -e /usr/bin/pgvigild && ! systemctl cat pgvigil 2>/dev/null")
	if left := g.do(h, "pgrep -u postgres -x 'postgres|pgvigild|pgvigil-launche' || true"); left != "" {
		g.Errorf("left: %s", left)
	}
	state := g.do(h, "/usr/lib/postgresql/17/bin/pg_controldata /var/lib/postgresql/17/main")
	if !regexp.MustCompile(`Database cluster state: +shut down`).MatchString(state) {
		g.Errorf("PostgreSQL was not shut down in order:\n%s", state)
	}
	g.eventually("two members go on", func() error {
		if h := g.leader(); h == g.hosts[2] {
			return errors.New("the one that was removed leads")
		}
		_, err := g.ask(5000)
		return err
	})
}

// show puts the ends of the hosts' journals into the test's log.
func (g *guide) show() {
	for _, h := range g.hosts {
		if h.Container == nil {
			continue
		}
		for _, line := range []string{
			"systemctl --failed --no-pager --plain; pgvigil list -o wide; ip -o -4 address",
			"journalctl --no-pager -n 60 -u pgvigil", "journalctl --no-pager -n 30 -u etcd -u haproxy -u keepalived -u pgbouncer",
		} {
			out, _ := h.sh(context.WithoutCancel(g.ctx), line)
			g.Logf("%s: %s\n%s", h.name, line, out)
		}
	}
}
