// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/container"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// lonely is the configuration of a cluster of one. Its PostgreSQL keeps data and archive in directories that no package knows.
const lonely = `
cluster "demo" { member = "a" }
api { connect = "127.0.0.1:8008" }
dcs "etcd" {
  embedded {
    data_dir      = "/var/lib/pgvigil/etcd"
    listen_client = "http://127.0.0.1:2379"
    listen_peer   = "http://127.0.0.1:2380"
    members       = { a = "http://127.0.0.1:2380" }
  }
}
postgres {
  listen          = "127.0.0.1:5432"
  connect         = "127.0.0.1:5432"
  data_dir        = "/home/postgres/data"
  socket_dir      = "/tmp"
  hba             = ["local all lab trust"]
  archive_command = "cp %p /srv/archive/%f"
  superuser { password = "secret" }
  replication { password = "secret" }
  parameters = { archive_mode = "on" }
}
`

// lonelyWith is lonely with another ttl.
func lonelyWith(ttl time.Duration) string {
	return strings.Replace(lonely, `{ member = "a" }`, fmt.Sprintf("{\n  member = \"a\"\n  ttl    = %q\n}", ttl), 1)
}

// host is a machine with a systemd of its own, on which pgvigil is installed.
type host struct {
	shell
	*container.Container
	// dir has what the host wrote.
	dir string
}

// step is one of the things that happen to a host, each in the state that those before have left.
type step struct {
	name string
	test func(*host)
}

// TestSystemd runs pgvigil as its packages do: by its hardened units, under a real systemd, with a real journal, D-Bus and polkit.
func TestSystemd(t *testing.T) {
	t.Parallel()
	h := bootHost(t)
	h.install()
	for _, step := range append([]step{
		{"refused", (*host).refused},
		{"no unit", (*host).noUnit},
		{"started", (*host).started},
		{"sandbox", (*host).sandbox},
		{"restarted under load", (*host).restarted},
		{"frozen", (*host).frozen},
		{"killed again and again", (*host).killed},
		{"reloaded", (*host).reloaded},
		{"stopped", (*host).stopped},
		{"journal", (*host).journal},
		{"not to be started", (*host).unstartable},
	}, inUnit()...) {
		if !t.Run(step.name, func(t *testing.T) { step.test(&host{shell{t, h.ctx, h.Container}, h.Container, h.dir}) }) {
			t.Log(h.try("journalctl", "-n", "80", "--no-pager"), h.try("tail", "-n", "30", logFile))
			t.FailNow()
		}
	}
}

func bootHost(t *testing.T) *host {
	ctx, root, dir := prepared(t, 5*time.Minute)
	c, err := container.Boot(ctx, root, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &host{shell{t, ctx, c}, c, dir}
}

// install puts programs, units and catalogue where the packages do.
func (h *host) install() {
	h.do("mkdir", "-p", "/usr/libexec/pgvigil/plugins", "/etc/pgvigil")
	for name, dir := range map[string]string{
		"pgvigil": "/usr/bin", "pgvigild": "/usr/bin", "pgvigil-launcher": "/usr/libexec/pgvigil",
		"plugins/pgvigil-plugin-etcd": "/usr/libexec/pgvigil/plugins", "plugins/pgvigil-plugin-postgres": "/usr/libexec/pgvigil/plugins",
	} {
		h.copy(filepath.Join(binaries(), name), dir)
	}
	h.copy("../../packaging/root/usr", "/")
	h.do("systemd-tmpfiles", "--create", "pgvigil.conf")
	h.do("journalctl", "--update-catalog")
	h.do("systemctl", "daemon-reload")
	h.do("install", "-d", "-o", "postgres", "-g", "postgres", "/home/postgres", "/srv/archive")
}

func (h *host) copy(from, to string) {
	h.Helper()
	if out, err := exec.Command("cp", "-r", "--no-preserve=ownership", from, h.Path(to)).CombinedOutput(); err != nil {
		h.Fatalf("%v: %s", err, out)
	}
}

func (h *host) configure(text string) {
	h.Helper()
	h.write("/etc/pgvigil/pgvigil.hcl", text)
}

func (h *host) write(name, text string) {
	h.Helper()
	path := h.Path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		h.Fatal(err)
	}
}

// leads waits until the status line is that of the leader it was from the start.
func (h *host) leads() {
	h.Helper()
	line := regexp.MustCompile(`^leader, epoch 1, \d+\.\d s of the lease left$`)
	h.eventually("leads in epoch 1", time.Minute, func() bool { return line.MatchString(h.status()) })
}

// another waits until the supervisor is another process, and leads.
func (h *host) another(than string, patience time.Duration) {
	h.Helper()
	h.replaced(than, patience)
	h.leads()
}

func (h *host) replaced(than string, patience time.Duration) {
	h.Helper()
	h.eventually("another supervisor", patience, func() bool {
		pid := h.property("MainPID")
		return pid != than && pid != "0" && h.property("ActiveState") == "active"
	})
}

func (h *host) connection() *pgx.ConnConfig {
	h.Helper()
	config, err := pgx.ParseConfig("host=" + h.Path("/tmp") + " user=lab dbname=postgres sslmode=disable")
	if err != nil {
		h.Fatal(err)
	}
	return config
}

// A configuration with a mistake is told in the one line that systemctl shows, and systemd does not try again.
func (h *host) refused() {
	h.configure("cluster {}\n")
	if _, err := h.Exec(h.ctx, "systemctl", "start", "pgvigil"); err == nil {
		h.Fatal("started with a mistake in its configuration")
	}
	if got := h.property("ExecMainStatus") + " " + h.property("NRestarts") + " " + h.property("ActiveState"); got != "78 0 failed" {
		h.Errorf("exit status, restarts and state: %s", got)
	}
	shown := h.try("systemctl", "status", "pgvigil")
	if !regexp.MustCompile(`Status: "configuration refused: /etc/pgvigil/pgvigil.hcl:1:`).MatchString(shown) {
		h.Errorf("systemctl status says:\n%s", shown)
	}
	h.do("systemctl", "reset-failed", "pgvigil")
}

// Nothing is made for a PostgreSQL that systemd could not start, and what to do is told.
func (h *host) noUnit() {
	const file = "/usr/lib/systemd/system/pgvigil-postgres@.service"
	h.configure(strings.Replace(managed, "demo", "early", 1))
	h.do("mv", file, "/root")
	h.do("systemctl", "daemon-reload")
	h.do("systemctl", "start", "pgvigil-dcs", "pgvigil")
	h.tells("systemd does not know pgvigil-postgres@early.service: install pgvigil's units")
	if left := h.do("ls", "-A", "/home/postgres"); left != "" {
		h.Errorf("left: %s", left)
	}
	h.do("systemctl", "stop", "pgvigil")
	h.do("mv", "/root/"+filepath.Base(file), file)
	h.do("systemctl", "daemon-reload")
}

// READY does not wait for PostgreSQL, which is not even there.
func (h *host) started() {
	h.configure(lonely)
	h.do("systemctl", "start", "pgvigil-dcs", "pgvigil")
	if _, err := os.Stat(h.Path("/home/postgres/data/postmaster.pid")); err == nil {
		h.Error("READY has waited for PostgreSQL")
	}
	h.leads()
	if shown := h.do("systemctl", "status", "pgvigil"); !strings.Contains(shown, `Status: "leader, epoch 1, `) {
		h.Errorf("systemctl status says:\n%s", shown)
	}
	h.psql("create role lab superuser login; create schema lab")
}

// PostgreSQL has in the sandbox what it needs, and this systemd thinks well of it.
func (h *host) sandbox() {
	conn, err := pgx.ConnectConfig(h.ctx, h.connection())
	if err != nil {
		h.Fatal(err)
	}
	defer conn.Close(h.ctx)
	if _, err := conn.Exec(h.ctx, "set jit_above_cost = 0"); err != nil {
		h.Fatal(err)
	}
	rows, _ := conn.Query(h.ctx, "explain (analyze) select sum(x) from generate_series(1, 1000) x")
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "JIT:") {
		h.Errorf("not compiled, %v:\n%s", err, strings.Join(plan, "\n"))
	}
	if _, err := conn.Exec(h.ctx, "create table t (); select pg_switch_wal()"); err != nil {
		h.Fatal(err)
	}
	h.eventually("WAL is archived", 30*time.Second, func() bool {
		var archived, failed int
		err := conn.QueryRow(h.ctx, "select archived_count, failed_count from pg_stat_archiver").Scan(&archived, &failed)
		files, _ := os.ReadDir(h.Path("/srv/archive"))
		return err == nil && failed == 0 && archived > 0 && len(files) > 0
	})
	var backend int
	if err := conn.QueryRow(h.ctx, "select pg_backend_pid()").Scan(&backend); err != nil {
		h.Fatal(err)
	}
	spared := func(pid any) string { return h.do("cat", fmt.Sprintf("/proc/%v/oom_score_adj", pid)) }
	// The kernel of a lab may not let systemd spare anybody.
	if unit, pg, of := spared(h.property("MainPID")), spared(h.server()), spared(backend); pg != unit || of != "0" {
		h.Errorf("oom_score_adj is %s, of the postmaster %s, of a backend %s", unit, pg, of)
	}
	h.analyze("pgvigil.service")
	h.analyze("pgvigil-dcs.service")
}

func (h *host) analyze(unit string) {
	h.Helper()
	h.do("systemd-analyze", "security", "--threshold=25", unit)
	complaints, err := h.Command(h.ctx, "systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || len(complaints) > 0 {
		h.Errorf("verify: %v: %s", err, complaints)
	}
}

// A restart keeps PostgreSQL, the leadership, and the clients' work going.
func (h *host) restarted() {
	w := &ledger.Writer{Config: h.connection(), Ledger: ledger.New(8, nil), Pause: 10 * time.Millisecond}
	if err := w.Start(h.ctx); err != nil {
		h.Fatal(err)
	}
	usual := boottime.Now()
	h.eventually("writes", 20*time.Second, func() bool { return w.Ledger.Totals().Acknowledged > 1000 })
	before, supervisor, since := h.server(), h.property("MainPID"), boottime.Now()
	quiet := w.Ledger.Gap(usual)
	h.do("systemctl", "restart", "pgvigil")
	h.another(supervisor, time.Minute)
	gap, writes, took := w.Ledger.Gap(since), w.Ledger.AckedAfter(since), boottime.Now().Sub(since)
	if err := w.Stop(); err != nil {
		h.Fatal(err)
	}
	if after := h.server(); after != before {
		h.Errorf("postmaster %d, before %d", after, before)
	}
	if totals := w.Ledger.Totals(); totals.Failed > 0 {
		h.Errorf("%d writes failed", totals.Failed)
	}
	h.Logf("longest time between two acknowledged writes of one client: %s, before the restart %s; %.0f writes/s for %s",
		gap, quiet, float64(writes)/took.Seconds(), took)
	if gap > time.Second {
		h.Errorf("no write was acknowledged for %s", gap)
	}
}

// A supervisor that hangs is started again within WatchdogSec, and goes on with what was there.
func (h *host) frozen() {
	before := h.server()
	began := time.Now()
	old := h.signal(syscall.SIGSTOP)
	h.another(old, 20*time.Second)
	h.Logf("a frozen supervisor was replaced after %s", time.Since(began))
	if after := h.server(); after != before {
		h.Errorf("postmaster %d, before %d", after, before)
	}
	if said := h.do("journalctl", "-u", "pgvigil", "--grep", "Watchdog timeout", "-o", "cat"); said == "" {
		h.Error("systemd did not notice")
	}
}

// However often it dies, it is started again. SIGUSR1 lets it go in peace.
func (h *host) killed() {
	before := h.server()
	for range 6 {
		h.another(h.signal(syscall.SIGKILL), 20*time.Second)
	}
	h.another(h.signal(syscall.SIGUSR1), 20*time.Second)
	if after := h.server(); after != before {
		h.Errorf("postmaster %d, before %d", after, before)
	}
}

func (h *host) reloaded() {
	pid := h.property("MainPID")
	h.do("systemctl", "reload", "pgvigil")
	h.configure("cluster {}\n")
	h.do("systemctl", "reload", "pgvigil")
	h.configure(lonely)
	h.leads()
	if now := h.property("MainPID"); now != pid {
		h.Errorf("process %s, before %s", now, pid)
	}
}

// A stop may take longer than systemd's patience as long as the supervisor is at work.
func (h *host) stopped() {
	h.configure(strings.Replace(lonely, `"cp `, `"sleep 6 && cp `, 1))
	h.write("/etc/systemd/system/pgvigil.service.d/patience.conf", "[Service]\nTimeoutStopSec=3s\n")
	h.do("systemctl", "daemon-reload")
	h.do("systemctl", "reload", "pgvigil")
	h.psql("create table u (); select pg_switch_wal()")
	h.eventually("archive_command is slow", 10*time.Second, func() bool { return h.try("pgrep", "-x", "sleep") != "" })
	began := time.Now()
	h.do("systemctl", "stop", "pgvigil")
	if took := time.Since(began); took < 4*time.Second {
		h.Errorf("a slow stop took %s", took)
	}
	if got := h.property("ActiveState") + " " + h.property("Result"); got != "inactive success" {
		h.Errorf("the service is %s", got)
	}
	if left := h.try("pgrep", "-u", "postgres", "-x", "postgres|pgvigild|pgvigil-launche"); left != "" {
		h.Errorf("left: %s", left)
	}
	state := h.do("/usr/lib/postgresql/17/bin/pg_controldata", "/home/postgres/data")
	if !regexp.MustCompile(`Database cluster state: +shut down\n`).MatchString(state) {
		h.Errorf("PostgreSQL was not shut down in order:\n%s", state)
	}
}

// The journal has what happened, by fields for programs and with explanations for people.
func (h *host) journal() {
	type entry struct {
		Message string `json:"MESSAGE"`
		ID      string `json:"MESSAGE_ID"`
		Member  string `json:"PGVIGIL_MEMBER"`
		Epoch   string `json:"PGVIGIL_EPOCH"`
		Rule    string `json:"PGVIGIL_RULE"`
	}
	seen := map[string]entry{}
	lines := h.do("journalctl", "-o", "json", "-t", "pgvigild")
	for line := range strings.Lines(lines) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // a value that is no text
		}
		if e.ID != "" {
			seen[strings.Join(strings.Fields(e.Message)[:2], " ")] = e
		}
	}
	for message, want := range map[string]entry{
		"configuration refused": {}, "configuration not": {Member: "a"},
		"leadership taken":   {Member: "a", Epoch: "1", Rule: "V-140"},
		"leadership resumed": {Member: "a", Epoch: "1"},
		"leadership given":   {Member: "a", Epoch: "1"},
	} {
		got := seen[message]
		if got.Member != want.Member || got.Epoch != want.Epoch || got.Rule != want.Rule || got.ID == "" {
			h.Errorf("%s: %+v, want %+v", message, got, want)
		}
	}
	explained := h.do("journalctl", "-x", "-t", "pgvigild", "--no-pager")
	for _, text := range []string{
		"Subject: PostgreSQL is open for writes", "Member a of cluster demo leads from now on, in epoch",
		"Subject: The configuration is refused", "Why, by rule V-140: New cluster:",
	} {
		if !strings.Contains(explained, text) {
			h.Errorf("journalctl -x does not say %q", text)
		}
	}
}

// A supervisor that is dead, and cannot be started again, does not leave a primary behind whose leadership is over.
func (h *host) unstartable() {
	const program, ttl = "/usr/bin/pgvigild", 8 * time.Second
	h.configure(lonelyWith(ttl))
	h.do("systemctl", "restart", "pgvigil")
	h.eventually("leads", time.Minute, func() bool { return strings.HasPrefix(h.status(), "leader, ") })
	h.do("chmod", "0", program)
	end := boottime.Instant(h.strike(syscall.SIGKILL, ttl))
	running := func() bool { return h.try("pgrep", "-u", "postgres", "-x", "postgres") != "" }
	if !running() {
		h.Error("PostgreSQL ended with the supervisor")
	}
	h.eventually("PostgreSQL is ended", 2*ttl, func() bool { return !running() })
	left := end.Sub(boottime.Now())
	h.Logf("PostgreSQL was ended %s before the leadership, of %s, was over", left, ttl)
	if left < 0 {
		h.Error("the leadership was over before that")
	}
	if h.property("NRestarts") == "0" {
		h.Error("systemd has not tried to start the supervisor")
	}
	h.do("chmod", "755", program)
	h.do("systemctl", "stop", "pgvigil")
}
