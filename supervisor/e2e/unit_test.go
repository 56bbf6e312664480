// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	unit    = "pgvigil-postgres@demo.service"
	polkit  = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"
	rules   = "/usr/share/polkit-1/rules.d/50-pgvigil.rules"
	logFile = "/var/lib/pgvigil/demo/postgres/log/postgresql.log"
)

// managed is a cluster of one whose PostgreSQL systemd starts; unmanaged is the same, and the supervisor does.
var (
	managed = strings.NewReplacer(`{ member = "a" }`, "{\n  member = \"a\"\n  ttl = \"5s\"\n}",
		"postgres {", "postgres {\n  manage = \"systemd\"").Replace(lonely)
	unmanaged = strings.Replace(managed, "systemd", "direct", 1)
)

// inUnit are the steps with PostgreSQL in a unit of its own, as the packages have it. They end the host.
func inUnit() []step {
	steps := []step{
		{"unit: started", (*host).startedInUnit},
		{"unit: only that", (*host).onlyThat},
		{"unit: stopped by hand", (*host).stoppedByHand},
		{"unit: supervisor restarted and killed", (*host).supervisorRenewed},
		{"unit: fenced", (*host).fencedInUnit},
		{"unit: managed otherwise", (*host).managedOtherwise},
		{"unit: supervisor lost", (*host).supervisorLost},
		{"unit: supervisor and launcher lost", (*host).launcherLost},
	}
	const refused = "systemd may not start " + unit + " for us"
	const silent = "no answer from systemd over D-Bus"
	const toBus = " $(systemctl show --value -p MainPID dbus.service)"
	for _, f := range []hindrance{
		{"no rule", refused, "mv " + rules + " /root", "mv /root/50-pgvigil.rules " + rules},
		{"no polkit", refused, "systemctl stop polkit; mv " + polkit + " /root; systemctl reload dbus",
			"mv /root/org.freedesktop.PolicyKit1.service " + polkit + "; systemctl reload dbus"},
		{"polkit masked", "polkit.service is masked. Use systemctl unmask", "systemctl mask --now polkit", "systemctl unmask polkit"},
		{"data directory in use", unit + " did not start: another launcher holds /home/postgres/data",
			"systemd-run --unit=holder flock /home/postgres/data sleep infinity", "systemctl stop holder"},
		{"no D-Bus", silent + ", which has to start " + unit,
			"systemctl stop dbus.socket dbus.service", "systemctl start dbus.socket dbus.service"},
		{"D-Bus hangs", silent, "kill -STOP" + toBus, "kill -CONT" + toBus},
	} {
		steps = append(steps, step{"unit: " + f.name, f.told})
	}
	return append(steps,
		step{"unit: stopped", (*host).stoppedInUnit},
		step{"unit: shutdown", (*host).shutdown})
}

// hindrance is what keeps systemd from starting PostgreSQL, and what pgvigil list says then.
type hindrance struct{ name, says, begin, end string }

// told has PostgreSQL start under it: nothing is left of that, and once it is over it comes back in its unit.
func (f hindrance) told(h *host) {
	before := h.server()
	h.do("sh", "-c", f.begin)
	h.do("kill", "-9", strconv.Itoa(before))
	h.tells(f.says)
	h.gone()
	if _, err := os.Stat(h.Path("/run/pgvigil/demo/launcher.start")); err == nil {
		h.Error("the request was left")
	}
	h.do("sh", "-c", f.end)
	h.servesInUnit(before)
}

// server is the postmaster that runs; 0 when none does.
func (h *host) server() int {
	text, _ := os.ReadFile(h.Path("/home/postgres/data/postmaster.pid"))
	first, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(first)
	if _, err := os.Stat(h.Path("/proc/" + first)); err != nil {
		return 0
	}
	return pid
}

// serves waits until another PostgreSQL than one that was is the leader's, and returns it.
func (h *host) serves(than int) int {
	h.Helper()
	line := regexp.MustCompile(`^leader, epoch \d+, \d+\.\d s of the lease left$`)
	h.eventually("leads with another PostgreSQL", time.Minute, func() bool {
		return line.MatchString(h.status()) && h.server() != 0 && h.server() != than && h.accepts()
	})
	return h.server()
}

// servesInUnit does the same, and sees that systemd has started it.
func (h *host) servesInUnit(than int) int {
	h.Helper()
	pg := h.serves(than)
	if !h.inUnit(pg) {
		h.Error("not in its unit")
	}
	return pg
}

func (h *host) accepts() bool {
	_, err := h.Exec(h.ctx, "runuser", "-u", "postgres", "--", "psql", "-h", "/tmp", "-c", "create temp table t ()")
	return err == nil
}

// tells waits until the table of the members has a line on what is amiss.
func (h *host) tells(text string) {
	h.Helper()
	h.eventually("pgvigil list says "+text, 30*time.Second, func() bool { return strings.Contains(h.try("pgvigil", "list"), text) })
}

func (h *host) inUnit(pid int) bool {
	return strings.Contains(h.do("cat", fmt.Sprintf("/proc/%d/cgroup", pid)), "/"+unit)
}

// processes are those of PostgreSQL and its launcher.
func (h *host) processes() string {
	return h.try("pgrep", "-u", "postgres", "-x", "postgres|pgvigil-launche")
}

func (h *host) gone() {
	h.Helper()
	h.eventually("PostgreSQL is gone", time.Minute, func() bool { return h.processes() == "" })
}

func (h *host) startedInUnit() {
	h.configure(managed)
	h.do("systemctl", "start", "pgvigil-dcs", "pgvigil")
	pg := h.serves(0)
	parent := strings.Fields(h.do("ps", "-o", "ppid=", strconv.Itoa(pg)))[0]
	if main := h.do("systemctl", "show", "--value", "-p", "MainPID", unit); main != parent || !h.inUnit(pg) {
		h.Errorf("the unit's main process is %s, PostgreSQL's parent is %s; in the unit: %t", main, parent, h.inUnit(pg))
	}
	if now := h.do("pgvigil", "list"); strings.Contains(now, "restart pending") {
		h.Errorf("restart pending:\n%s", now)
	}
	environment := h.do("cat", fmt.Sprintf("/proc/%d/environ", pg))
	for name, want := range map[string]bool{
		"PGDATA=/home/postgres/data\x00": true, "PG_OOM_ADJUST_FILE=": true, "NOTIFY_SOCKET": false, "LANG=": false,
	} {
		if strings.Contains(environment, name) != want {
			h.Errorf("environment: %q", environment)
		}
	}
	h.analyze(unit)
}

// The rule gives the user no other right, and nobody else any.
func (h *host) onlyThat() {
	for _, refused := range [][]string{
		{"-u", "postgres", "--", "systemctl", "stop", "pgvigil-dcs"},
		{"-u", "postgres", "--", "systemctl", "start", "pgvigil-dcs"},
		{"-u", "postgres", "--", "systemctl", "start", "pgvigil-postgres@demo.timer"},
		{"-u", "postgres", "--", "systemctl", "kill", unit},
		{"-u", "daemon", "--", "systemctl", "start", unit},
	} {
		out, err := h.Command(h.ctx, "runuser", refused...).CombinedOutput()
		if err == nil || !regexp.MustCompile("uthenti|ccess denied").Match(out) {
			h.Errorf("%v: %v: %s", refused, err, out)
		}
	}
}

// systemd refuses to stop it; what an administrator ends by other means comes back, and PostgreSQL's log tells.
func (h *host) stoppedByHand() {
	before := h.server()
	_, err := h.Exec(h.ctx, "systemctl", "stop", unit)
	if err == nil || !strings.Contains(err.Error(), "may be requested by dependency only") {
		h.Errorf("systemctl stop: %v", err)
	}
	if now := h.server(); now != before {
		h.Errorf("postmaster %d, before %d", now, before)
	}
	h.do("systemctl", "kill", "--kill-whom=main", unit)
	h.servesInUnit(before)
	h.do("grep", "told to end by a signal, which is none of pgvigil's", logFile)
	if _, err := h.Exec(h.ctx, "systemctl", "start", unit); err != nil {
		h.Error("a start of what runs:", err)
	}
}

// PostgreSQL does not notice.
func (h *host) supervisorRenewed() {
	before, old := h.server(), h.property("MainPID")
	h.do("systemctl", "restart", "pgvigil")
	h.renewed(old)
	h.renewed(h.signal(syscall.SIGKILL))
	if now := h.server(); now != before {
		h.Errorf("postmaster %d, before %d", now, before)
	}
}

func (h *host) renewed(than string) {
	h.Helper()
	h.replaced(than, 20*time.Second)
	h.serves(0)
}

// Whichever dies, nothing is left of it, and the next one is in the unit again.
func (h *host) fencedInUnit() {
	before := h.server()
	h.do("kill", "-9", strconv.Itoa(before))
	second := h.serves(before)
	h.do("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)
	h.servesInUnit(second)
}

// A change of manage waits for the next start, and is told until then.
func (h *host) managedOtherwise() {
	for _, to := range []struct {
		config string
		inUnit bool
	}{{unmanaged, false}, {managed, true}} {
		before := h.server()
		h.configure(to.config)
		h.do("systemctl", "reload", "pgvigil")
		h.tells("restart pending")
		shown := h.do("pgvigil", "list", "-o", "json")
		if !regexp.MustCompile(`"pending_restart":\s*\[\s*"manage"\s*\]`).MatchString(shown) {
			h.Errorf("pgvigil list says\n%s", shown)
		}
		if now := h.server(); now != before {
			h.Errorf("postmaster %d, before %d", now, before)
		}
		h.do("kill", "-9", strconv.Itoa(before))
		if pg := h.serves(before); h.inUnit(pg) != to.inUnit {
			h.Errorf("in its unit: %t", !to.inUnit)
		}
		h.eventually("no restart is pending", 10*time.Second, func() bool {
			return !strings.Contains(h.do("pgvigil", "list"), "restart pending")
		})
	}
}

// A supervisor that is killed and does not come back: the launcher's timer ends PostgreSQL, and the unit with it.
func (h *host) supervisorLost() {
	h.lose(func() { h.signal(syscall.SIGKILL) })
	h.do("grep", "ending postgres.*cause=deadline", logFile)
}

// With the launcher stopped and the postmaster killed as well nobody ends a backend that never waits, but systemd.
func (h *host) launcherLost() {
	h.do("systemd-run", "--unit=busy", "--uid=postgres", "--expand-environment=no",
		"psql", "-h", "/tmp", "-c", "do $$ begin loop end loop; end $$")
	h.eventually("a backend works", 10*time.Second, func() bool { return h.try("pgrep", "-f", "^postgres: .* DO$") != "" })
	h.lose(func() {
		h.do("systemctl", "kill", "--kill-whom=main", "--signal=STOP", unit)
		h.signal(syscall.SIGKILL)
		h.do("kill", "-9", strconv.Itoa(h.server()))
	})
}

// lose has everything end that is left when the supervisor is lost for good, and then starts another one.
func (h *host) lose(all func()) {
	h.Helper()
	before := h.server()
	h.write("/run/systemd/system/pgvigil.service.d/lost.conf", "[Service]\nRestart=no\n")
	h.do("systemctl", "daemon-reload")
	all()
	h.gone()
	h.eventually("the unit is down", 5*time.Second, func() bool {
		state := h.try("systemctl", "is-active", unit)
		return state == "inactive" || state == "failed"
	})
	h.do("rm", "/run/systemd/system/pgvigil.service.d/lost.conf")
	h.do("systemctl", "daemon-reload")
	h.do("systemctl", "start", "pgvigil")
	h.serves(before)
}

func (h *host) stoppedInUnit() {
	h.do("systemctl", "stop", "pgvigil")
	if left := h.processes(); left != "" {
		h.Errorf("left: %s", left)
	}
	if state := h.try("systemctl", "is-active", unit); state != "inactive" {
		h.Errorf("the unit is %s", state)
	}
	// What nobody has asked for is not started.
	h.try("runuser", "-u", "postgres", "--", "systemctl", "start", unit)
	if shown := h.try("systemctl", "status", unit); !strings.Contains(shown, "nothing to start") {
		h.Errorf("systemctl status says:\n%s", shown)
	}
	h.do("systemctl", "start", "pgvigil")
	h.serves(0)
}

// The host goes down: the supervisor stops PostgreSQL, not systemd.
func (h *host) shutdown() {
	log := filepath.Join(h.dir, "upper", logFile)
	before, err := os.ReadFile(log)
	if err != nil {
		h.Fatal(err)
	}
	h.do("systemctl", "start", "--no-block", "poweroff.target")
	if err := h.Wait(h.ctx); err != nil {
		h.Fatal(err)
	}
	after, err := os.ReadFile(log)
	if err != nil {
		h.Fatal(err)
	}
	said := strings.TrimPrefix(string(after), string(before))
	inOrder := regexp.MustCompile("(?s)received fast shutdown request.*is shut down").MatchString(said)
	if strings.Contains(said, "told to end") || !inOrder {
		h.Errorf("PostgreSQL's log says\n%s", said)
	}
}
