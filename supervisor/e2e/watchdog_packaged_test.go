// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

const (
	// hardware is the watchdog of the machine, softdog that of its kernel.
	hardware, softdog = "/dev/watchdog0", "/dev/watchdog1"
	margin            = watchdogTTL - watchdogTimeout
	// patientTTL is for restarts of a supervisor that leads, which must not take longer than the watchdog's timeout.
	patientTTL = 2 * watchdogTTL
)

// guest is a virtual machine with a systemd of its own, on which our package is installed.
type guest struct {
	shell
	*vm.Machine
	dir string
}

// TestWatchdogPackaged runs our package on a Debian of its own, with a real kernel, its systemd, its udev, and watchdogs that the
// supervisor must have to lead.
func TestWatchdogPackaged(t *testing.T) {
	t.Parallel()
	g := bootGuest(t)
	g.step(t, "installed", (*guest).install)
	g.step(t, "no device", (*guest).deviceless)
	g.step(t, "systemd has the device", (*guest).rivalled)
	g.step(t, "softdog armed", func(g *guest) { g.armed(softdog, patientTTL-margin) })
	g.step(t, "reconfigured", (*guest).reconfigured)
	g.step(t, "i6300esb armed", func(g *guest) { g.armed(hardware, watchdogTimeout) })
	g.step(t, "paused", (*guest).paused)
	g.step(t, "stopped", (*guest).stopped)
	g.step(t, "frozen", (*guest).frozen)
	g.step(t, "cause told", (*guest).causeTold)
}

// step is a part of the story, without which the rest cannot be told.
func (g *guest) step(t *testing.T, name string, test func(*guest)) {
	if !t.Run(name, func(t *testing.T) { test(&guest{shell{t, g.ctx, g.Machine}, g.Machine, g.dir}) }) {
		if !g.Off() {
			t.Log(g.try("journalctl", "-n", "80", "--no-pager"))
		}
		t.FailNow()
	}
}

// bootGuest switches a machine on whose watchdogs' drivers are not loaded yet.
func bootGuest(t *testing.T) *guest {
	ctx, root, dir := prepared(t, 8*time.Minute)
	began, console := time.Now(), filepath.Join(dir, "console.log")
	m, err := vm.Start(ctx, vm.Config{
		Name: "guest", Dir: filepath.Join(dir, "vm"), Console: console, System: root, Share: dir, Memory: 1280,
		Watchdog: true, Later: []string{"i6300esb", "softdog"},
	}, func(start func() error) error { return start() })
	if err != nil {
		text, _ := os.ReadFile(console)
		t.Fatalf("%v\n%s", err, text)
	}
	t.Cleanup(func() {
		if err := m.Kill(); err != nil {
			t.Error(err)
		}
	})
	g := &guest{shell{t, ctx, m}, m, dir}
	g.try("systemctl", "is-system-running", "--wait")
	t.Logf("booted: %s", time.Since(began).Round(time.Second))
	return g
}

// install installs the package, and a configuration. The supervisor has nobody to start it again, so that it stays frozen.
func (g *guest) install() {
	g.Helper()
	if out, err := exec.Command("cp", packaged(g, "0.1.0"), filepath.Join(g.dir, "pgvigil.deb")).CombinedOutput(); err != nil {
		g.Fatalf("%v: %s", err, out)
	}
	g.put("/etc/systemd/system/pgvigil.service.d/alone.conf", "[Service]\nRestart=no\nWatchdogSec=0\n")
	g.do("dpkg", "-i", vm.SystemShare+"/pgvigil.deb")
	g.do("install", "-d", "-o", "postgres", "-g", "postgres", "/home/postgres", "/srv/archive")
	g.configure("required", hardware, patientTTL, margin)
}

func (g *guest) configure(mode, device string, ttl, margin time.Duration) {
	g.Helper()
	g.put("/etc/pgvigil/pgvigil.hcl", lonelyWith(ttl)+
		fmt.Sprintf("watchdog {\n  mode = %q\n  device = %q\n  safety_margin = %q\n}\n", mode, device, margin))
}

// put writes a file that everybody may read.
func (g *guest) put(path, text string) {
	g.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "file"), []byte(text), 0o644); err != nil {
		g.Fatal(err)
	}
	g.do("install", "-D", "-m", "644", vm.SystemShare+"/file", path)
}

// attribute reads what the kernel says of a watchdog.
func (g *guest) attribute(device, name string) string {
	return g.try("cat", "/sys/class/watchdog/"+filepath.Base(device)+"/"+name)
}

// is waits until the kernel says that the device is active, or inactive.
func (g *guest) is(device, state string) {
	g.Helper()
	g.eventually(device+" is "+state, time.Minute, func() bool { return g.attribute(device, "state") == state })
}

// because waits until a rule keeps the supervisor from leading.
func (g *guest) because(rule, problem string) {
	g.Helper()
	g.eventually(rule+" holds: "+problem, time.Minute, func() bool {
		return strings.Contains(g.try("pgvigil", "why"), rule) && strings.Contains(g.get("/v1/status"), problem)
	})
}

// unled fails the test if the supervisor has ever led.
func (g *guest) unled() {
	g.Helper()
	if said := g.try("journalctl", "-u", "pgvigil", "--grep", "leadership taken|watchdog armed", "-o", "cat"); said != "" {
		g.Errorf("led without a watchdog: %s", said)
	}
}

// Without the device that it must have, the supervisor does not lead.
func (g *guest) deviceless() {
	g.do("systemctl", "start", "pgvigil-dcs", "pgvigil")
	g.because("V-130", "no such device")
	if said := g.try("pgvigil", "doctor"); !strings.Contains(said, "there is no "+hardware) {
		g.Errorf("doctor says:\n%s", said)
	}
	g.unled()
}

// A device that systemd has open is as good as none. With another one both are served.
func (g *guest) rivalled() {
	g.do("systemctl", "stop", "pgvigil")
	if err := g.Load(); err != nil {
		g.Fatal(err)
	}
	g.put("/etc/systemd/system.conf.d/watchdog.conf", "[Manager]\nRuntimeWatchdogSec=120\n")
	g.do("systemctl", "daemon-reexec")
	g.is(hardware, "active")
	g.do("systemctl", "start", "pgvigil")
	g.because("V-130", "another process has it open")
	if said := g.try("pgvigil", "doctor"); !strings.Contains(said, "RuntimeWatchdogSec=2min") {
		g.Errorf("doctor says:\n%s", said)
	}
	g.unled()
	g.configure("required", softdog, patientTTL, margin)
	g.do("systemctl", "restart", "pgvigil")
}

// The udev rule and the hardened unit let the supervisor use the device, which is armed before PostgreSQL opens.
func (g *guest) armed(device string, timeout time.Duration) {
	if got := g.do("stat", "-c", "%G %a", device); got != "postgres 660" {
		g.Errorf("group and mode of %s: %s", device, got)
	}
	g.leads(device)
	g.timeout(device, timeout)
	run := "_SYSTEMD_INVOCATION_ID=" + g.property("InvocationID")
	first, _, _ := strings.Cut(g.do("journalctl", run, "--grep", "action=promote|watchdog armed", "-o", "cat"), "\n")
	if !strings.Contains(first, "watchdog armed") {
		g.Errorf("the first of the watchdog and PostgreSQL: %q", first)
	}
	if said := g.try("pgvigil", "doctor"); !strings.Contains(said, "armed, resets this host in ") {
		g.Errorf("doctor says:\n%s", said)
	}
}

func (g *guest) leads(device string) {
	g.Helper()
	g.eventually("leads", 2*time.Minute, func() bool { return strings.HasPrefix(g.status(), "leader, ") })
	g.is(device, "active")
}

// timeout waits until the device has one, and the supervisor tells it.
func (g *guest) timeout(device string, want time.Duration) {
	g.Helper()
	seconds := strconv.Itoa(int(want / time.Second))
	g.eventually("a timeout of "+want.String(), time.Minute, func() bool {
		return g.attribute(device, "timeout") == seconds && g.metric("timeout_seconds") == seconds && g.metric("armed") == "1"
	})
}

// metric is what the supervisor tells of its watchdog.
func (g *guest) metric(name string) string {
	_, rest, _ := strings.Cut(g.get("/metrics"), "\npgvigil_watchdog_"+name+"{")
	line, _, _ := strings.Cut(rest, "\n")
	_, value, _ := strings.Cut(line, "} ")
	return value
}

// A supervisor that is restarted while it leads gives the device that it takes over the new timeout, as one does whose configuration
// is reloaded, and stops one that it is to use no more.
func (g *guest) reconfigured() {
	restart := func(mode, device string, ttl, margin time.Duration) {
		g.Helper()
		g.configure(mode, device, ttl, margin)
		g.do("systemctl", "restart", "pgvigil")
	}
	restart("required", softdog, patientTTL, margin+2*time.Second)
	g.timeout(softdog, patientTTL-margin-2*time.Second)

	reload := func(ttl, margin time.Duration) {
		g.Helper()
		g.configure("required", softdog, ttl, margin)
		g.do("systemctl", "reload", "pgvigil")
		g.timeout(softdog, ttl-margin)
	}
	reload(patientTTL, margin)
	reload(watchdogTTL, margin)
	reload(patientTTL, margin+time.Second)

	restart("off", softdog, patientTTL, margin)
	g.is(softdog, "inactive")

	restart("required", softdog, patientTTL, margin)
	g.is(softdog, "active")

	g.do("rm", "/etc/systemd/system.conf.d/watchdog.conf")
	g.do("systemctl", "daemon-reexec")
	g.is(hardware, "inactive")
	restart("required", hardware, watchdogTTL, margin)
	g.is(softdog, "inactive")
}

// While the cluster is paused nothing depends on the supervisor.
func (g *guest) paused() {
	g.do("pgvigil", "pause")
	g.is(hardware, "inactive")
	g.signal(syscall.SIGSTOP)
	g.runsOn()
	g.signal(syscall.SIGCONT)
	g.do("pgvigil", "resume")
	g.leads(hardware)
}

// A supervisor that is stopped lets the device go.
func (g *guest) stopped() {
	g.do("systemctl", "stop", "pgvigil")
	g.runsOn()
	g.do("systemctl", "start", "pgvigil")
	g.leads(hardware)
}

// runsOn fails the test if a device runs, or the host is reset all the same.
func (g *guest) runsOn() {
	g.Helper()
	g.is(softdog, "inactive")
	g.is(hardware, "inactive")
	select {
	case <-g.Done():
		g.Fatal("the host was reset")
	case <-time.After(watchdogTimeout + 2*time.Second):
	}
}

// A supervisor that is frozen, with the launcher, has the host reset before its leadership is over.
func (g *guest) frozen() {
	reset, err := g.Revive(g.ctx)
	if err != nil {
		g.Fatal(err)
	}
	end := g.strike(syscall.SIGSTOP, watchdogTTL)
	if err := g.SignalProgram("pgvigil-launcher", syscall.SIGSTOP); err != nil {
		g.Fatal(err)
	}
	began := boottime.Now()
	clocks, err := g.Clocks()
	if err != nil {
		g.Fatal(err)
	}
	rest := end - clocks.Uptime
	select {
	case <-reset:
	case <-time.After(2 * watchdogTTL):
		g.Fatal("the host was not reset")
	}
	took := boottime.Now().Sub(began)
	g.Logf("reset %s before the leadership, of %s, was over", (rest - took).Round(time.Millisecond), watchdogTTL)
	if took > rest {
		g.Error("the leadership was over before that")
	}
}

// After the reset, journal, status, metrics and doctor tell what made the host boot.
func (g *guest) causeTold() {
	if err := g.Booted(g.ctx); err != nil {
		g.Fatal(err)
	}
	g.try("systemctl", "is-system-running", "--wait")
	if err := g.Load(); err != nil {
		g.Fatal(err)
	}
	g.install() // what was installed is gone with the memory
	g.do("systemctl", "start", "pgvigil-dcs", "pgvigil")
	g.eventually("the cause is told", time.Minute, func() bool {
		return strings.Contains(g.get("/v1/status"), `"last_reset":"watchdog"`) && g.metric("last_reset") == "1"
	})
	if said := g.do("journalctl", "-u", "pgvigil", "--grep", "the watchdog reset this host", "-o", "cat"); said == "" {
		g.Error("not in the journal")
	}
	if said := g.try("pgvigil", "doctor"); !strings.Contains(said, "reset this host") {
		g.Errorf("doctor says:\n%s", said)
	}
}
