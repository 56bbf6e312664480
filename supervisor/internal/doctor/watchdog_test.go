// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/watchdog"
)

// device is a watchdog of which the kernel tells attributes. It cannot be opened.
type device struct {
	attributes map[string]string
	forbidden  error
	t          *testing.T
}

func (d device) Stat(string) (bool, uint64, error) { return true, 42, nil }
func (d device) Writable(string) error             { return d.forbidden }

func (d device) Attribute(device uint64, name string) (string, error) {
	if device != 42 {
		return "", unix.ENOENT
	}
	return d.attributes[name], nil
}

func (d device) Open(string) (watchdog.File, error) {
	d.t.Error("the device was opened, which arms it")
	return nil, unix.EBUSY
}

func TestWatchdog(t *testing.T) {
	h := newHost(t)
	h.more = `watchdog { mode = "required" }` // ttl 30 s less 5 s
	d := h.doctor(t)
	for name, c := range map[string]struct {
		attributes map[string]string
		forbidden  error
		id         string
		severity   Severity
		words      string
	}{
		"fit": {map[string]string{"identity": "i6300ESB timer", "min_timeout": "1", "max_timeout": "2046"}, nil,
			"watchdog.device", OK, "i6300ESB timer"},
		"softdog":  {map[string]string{"identity": "Software Watchdog"}, nil, "watchdog.softdog", Note, "softdog"},
		"nowayout": {map[string]string{"nowayout": "1"}, nil, "watchdog.nowayout", Note, "cannot be stopped"},
		"reset":    {map[string]string{"bootstatus": "32"}, nil, "watchdog.last_reset", Note, "reset this host"},
		"too short": {map[string]string{"max_timeout": "15"}, nil, "watchdog.timeout", Error,
			"25 s; the device can do 15 s at the most"},
		"too long":   {map[string]string{"min_timeout": "60"}, nil, "watchdog.timeout", Error, "60 s at the least"},
		"another's":  {map[string]string{"state": "active"}, nil, "watchdog.open", Error, "another process has it open"},
		"permission": {nil, unix.EACCES, "watchdog.device", Error, "udev rule"},
	} {
		t.Run(name, func(t *testing.T) {
			d.kernel = device{c.attributes, c.forbidden, t}
			expect(t, alone(t, d, d.watchdog), c.id, c.severity, c.words)
		})
	}
	t.Run("armed by the supervisor", func(t *testing.T) {
		own := *d
		own.kernel = device{map[string]string{"state": "active"}, nil, t}
		own.status = func() *api.Status {
			return &api.Status{Self: api.Self{Watchdog: api.Watchdog{Armed: true, TimeoutSeconds: 25, SecondsLeft: 21.5}}}
		}
		found := alone(t, &own, own.watchdog)
		expect(t, found, "watchdog.armed", OK, "in 21.5 s", "timeout 25 s")
		for _, f := range found {
			if f.ID == "watchdog.open" {
				t.Errorf("%+v", f)
			}
		}
	})
}

// TestWatchdogFile: what is no device, with the real kernel. Where it is not required, it is no error.
func TestWatchdogFile(t *testing.T) {
	h := newHost(t)
	for mode, severity := range map[string]Severity{"required": Error, "automatic": Warning} {
		h.more = `watchdog {
  mode   = "` + mode + `"
  device = "` + h.path("watchdog") + `"
}`
		d := h.doctor(t)
		d.kernel = watchdog.Linux{}
		expect(t, alone(t, d, d.watchdog), "watchdog.device", severity, "there is no "+h.path("watchdog"), "modprobe")
		path := write(t, h.path("watchdog"), "", 0o600)
		expect(t, alone(t, d, d.watchdog), "watchdog.device", severity, path+" is an ordinary file")
		remove(t, path)
	}
}
