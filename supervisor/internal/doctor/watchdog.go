// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/watchdog"
)

// dog is the device as it can be seen without opening it, which would arm it.
type dog struct {
	*Doctor
	device uint64
	// fail tells what keeps it from being used: that is an error only where it is required.
	fail func(id, change, found string, args ...any)
}

func (d *Doctor) watchdog(ctx context.Context, r *report) {
	c := d.Config.Watchdog
	if c.Mode == config.WatchdogOff {
		r.note("watchdog.mode", "docs/watchdog.md tells what for, and how", "no watchdog is used")
		return
	}
	g := &dog{Doctor: d, fail: r.fail}
	if c.Mode == config.WatchdogAutomatic {
		g.fail = r.warn
	}
	if !g.usable() {
		return
	}
	r.ok("watchdog.device", "%s: %s, timeout %s", c.Device, g.attribute("identity"), c.Timeout)
	g.armed(r)
	g.within()
	g.rival(ctx)
	if g.attribute("nowayout") == "1" {
		r.note("watchdog.nowayout", "",
			"%s cannot be stopped (nowayout): the host is reset %s after the supervisor ended", c.Device, c.Timeout)
	}
	if strings.Contains(g.attribute("identity"), "Software Watchdog") {
		r.note("watchdog.softdog", "load the driver of the hardware's own watchdog, if it has one",
			"%s is softdog, a timer of the kernel: it helps against a hanging supervisor, not against a kernel that hangs",
			c.Device)
	}
	if cause := watchdog.LastReset(g.attribute("bootstatus")); cause != "" {
		r.note("watchdog.last_reset", "see the log of the time before",
			"what reset this host before it booted, as the driver tells: %s", cause)
	}
}

// armed tells what the supervisor, if it runs, does with the device.
func (g *dog) armed(r *report) {
	s := g.status()
	switch {
	case s == nil:
	case s.Self.Watchdog.Armed:
		w := s.Self.Watchdog
		r.ok("watchdog.armed", "armed, resets this host in %.1f s unless the leadership is renewed; timeout %.0f s",
			w.SecondsLeft, w.TimeoutSeconds)
	default:
		r.ok("watchdog.armed", "not armed: PostgreSQL cannot be written to here, or the cluster is paused")
	}
}

func (g *dog) attribute(name string) string {
	text, err := g.kernel.Attribute(g.device, name)
	if err != nil {
		return ""
	}
	return text
}

// usable tells whether there is a device that this user may open.
func (g *dog) usable() bool {
	const id = "watchdog.device"
	path := g.Config.Watchdog.Device
	character, device, err := g.kernel.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		g.fail(id, "load the driver's module (modprobe), or set watchdog.device", "there is no %s", path)
	case err != nil:
		g.fail(id, "", "%s: %v", path, err)
	case !character:
		g.fail(id, "remove it (the Debian package watchdog makes it), and load the driver's module",
			"%s is an ordinary file, not a device", path)
	default:
		if err := g.kernel.Writable(path); err != nil {
			g.fail(id, "give it to the user of block postgres: a udev rule is in /usr/share/pgvigil/70-pgvigil-watchdog.rules",
				"%s cannot be written: %v", path, err)
			return false
		}
	}
	g.device = device
	return err == nil && character
}

// within compares the timeout with what the driver can.
func (g *dog) within() {
	timeout := int(g.Config.Watchdog.Timeout / time.Second)
	least, _ := strconv.Atoi(g.attribute("min_timeout"))
	most, _ := strconv.Atoi(g.attribute("max_timeout"))
	switch {
	case timeout < 1 || timeout < least:
		g.fail("watchdog.timeout", "a longer ttl, or a shorter watchdog.safety_margin",
			"ttl less safety_margin is %d s; the device can do %d s at the least", timeout, max(1, least))
	case most > 0 && timeout > most:
		g.fail("watchdog.timeout", "a shorter ttl, or a longer watchdog.safety_margin",
			"ttl less safety_margin is %d s; the device can do %d s at the most", timeout, most)
	}
}

// rival looks for another process that has the device, or is going to.
func (g *dog) rival(ctx context.Context) {
	s := g.status()
	armed := s != nil && s.Self.Watchdog.Armed
	if usec := systemdWatchdog(ctx); usec != "" && usec != "0" && usec != "infinity" {
		g.fail("watchdog.systemd", "set RuntimeWatchdogSec=off in /etc/systemd/system.conf and systemctl daemon-reexec, or give "+
			"systemd another WatchdogDevice",
			"systemd uses a watchdog too (RuntimeWatchdogSec=%s); a device can be open once only", usec)
	} else if !armed && g.attribute("state") == "active" {
		g.fail("watchdog.open", "find it with fuser "+g.Config.Watchdog.Device+", and stop it",
			"%s runs, and the supervisor is not who armed it: another process has it open, or left it running",
			g.Config.Watchdog.Device)
	}
}

// systemdWatchdog is systemd's RuntimeWatchdogSec; empty where there is no systemd.
func systemdWatchdog(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=RuntimeWatchdogUSec").Output()
	if err != nil {
		return ""
	}
	_, value, _ := strings.Cut(strings.TrimSpace(string(out)), "=")
	return value
}
