// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Ensure what cannot be a watchdog is never opened: required it makes the member unable to lead, automatic it is done
// without.
func TestUnsuitableDevice(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeKernel)
		part   string
	}{
		"missing":          {func(k *fakeKernel) { k.missing = true }, "no such device"},
		"ordinary file":    {func(k *fakeKernel) { k.ordinary = true }, "not a character device"},
		"no permission":    {func(k *fakeKernel) { k.forbidden = unix.EACCES }, "udev rule"},
		"read-only system": {func(k *fakeKernel) { k.forbidden = unix.EROFS }, "read-only"},
	} {
		for _, m := range []Mode{Automatic, Required} {
			b := newBench(t, m, c.change)
			b.begin()
			b.renewed()
			b.expect(t, name, "")
			b.is(t, false, false, c.part)
			*b.kernel = *newFakeKernel()
			b.look()
			if m == Required {
				b.is(t, true, false, "")
			} else {
				b.is(t, false, false, c.part)
			}
		}
	}
}

// Ensure a device that will not do is stopped again, is left alone for a while, and then gets another chance.
func TestRefusedWhenArmed(t *testing.T) {
	stopped := `, write "V", close`
	for name, c := range map[string]struct {
		change func(*fakeKernel)
		calls  string
		part   string
	}{
		"no watchdog":       {func(k *fakeKernel) { k.supportErr = unix.ENOTTY }, "open, support, close", "not a watchdog"},
		"alarm only":        {func(k *fakeKernel) { k.options |= unix.WDIOF_ALARMONLY }, "open, support" + stopped, "cannot reset"},
		"timeout refused":   {func(k *fakeKernel) { k.setErr = unix.EINVAL }, "open, support, set 25" + stopped, "refused"},
		"timeout not told":  {func(k *fakeKernel) { k.getErr = unix.EOPNOTSUPP }, "open, support, set 25, get" + stopped, "not told"},
		"timeout too short": {func(k *fakeKernel) { k.most = 20 }, "open, support, set 25, get" + stopped, "made it 20 s"},
		"fixed and too short": {func(k *fakeKernel) { k.options &^= unix.WDIOF_SETTIMEOUT; k.timeout = 10 },
			"open, support, get" + stopped, "made it 10 s"},
	} {
		for _, m := range []Mode{Automatic, Required} {
			b := newBench(t, m, c.change)
			b.begin()
			b.renewed()
			b.expect(t, name, c.calls)
			b.is(t, false, false, c.part)
			*b.kernel = *newFakeKernel()
			for range 59 {
				b.now = b.now.Add(sec)
				b.look()
				b.renewed()
			}
			b.expect(t, name+", left alone", "")
			b.now = b.now.Add(sec)
			b.look()
			b.renewed()
			b.expect(t, name+", repaired", arming)
			b.is(t, true, true, "")
		}
	}
}

// Ensure a timeout longer than asked for counts as unusable where a watchdog is required, and is warned of elsewhere.
func TestLongerTimeout(t *testing.T) {
	longer := func(k *fakeKernel) { k.least = 60 }
	b := newBench(t, Required, longer)
	b.begin()
	b.renewed()
	b.expect(t, "required", `open, support, set 25, get, write "V", close`)
	b.is(t, false, false, "made it 60 s")
	b = newBench(t, Automatic, longer)
	b.begin()
	b.renewed()
	b.expect(t, "automatic", arming)
	b.is(t, true, true, "60 s instead of 25 s")
}

// Ensure a device that will not do and cannot be stopped is kept from resetting the host, and does not count.
func TestRefusedNoWayOut(t *testing.T) {
	b := newBench(t, Required, func(k *fakeKernel) { k.nowayout, k.setErr = true, unix.EINVAL })
	b.begin()
	b.renewed()
	b.hold(0)
	b.expect(t, "armed", "open, support, set 25, feed, feed")
	b.is(t, false, true, "refused")
}

// Ensure a device that somebody else has open is told apart before and after it was tried, with and without sysfs.
func TestInUse(t *testing.T) {
	for _, silent := range []bool{false, true} {
		for _, m := range []Mode{Automatic, Required} {
			b := newBench(t, m, func(k *fakeKernel) { k.opened, k.running, k.silent = true, true, silent })
			b.begin()
			b.renewed()
			b.expect(t, "in use", "open")
			b.is(t, false, false, "another process")
		}
	}
	b := newBench(t, Required, nil)
	b.begin()
	b.kernel.opened, b.kernel.running = true, true
	b.look()
	b.is(t, false, false, "another process")
	b.expect(t, "taken meanwhile", "")
	b.kernel.opened, b.kernel.running = false, false
	b.look()
	b.is(t, true, false, "")
}

// Ensure an automatic watchdog is not used with times at which one lost renewal would reset the host.
func TestTooFast(t *testing.T) {
	for _, c := range []struct {
		mode           Mode
		timeout, every time.Duration
		usable         bool
	}{
		{Automatic, time.Second, 750 * time.Millisecond, false},
		{Automatic, 2 * time.Second, time.Second, true},
		{Automatic, 0, 250 * time.Millisecond, false},
		{Required, time.Second, 750 * time.Millisecond, true},
	} {
		b := newBench(t, c.mode, nil)
		b.Timeout, b.RenewEvery = c.timeout, c.every
		b.begin()
		if b.usable() != c.usable {
			t.Errorf("%s, %s, renewed every %s: usable %v (%s)", c.mode, c.timeout, c.every, b.usable(), b.message())
		}
	}
}

// Ensure the operator learns that the last reset was the watchdog's.
func TestTellsReset(t *testing.T) {
	for status, want := range map[string]string{
		"0": "", "32": "watchdog", "0x20": "watchdog", "4": "external relay 1", "33": "watchdog, overheating", "": "",
	} {
		b := newBench(t, Automatic, func(k *fakeKernel) { k.bootstatus = status })
		b.begin()
		said := strings.Contains(b.log.String(), "reset this host")
		if b.lastReset != want || said != strings.Contains(want, "watchdog") {
			t.Errorf("bootstatus %q: %q, said %v", status, b.lastReset, said)
		}
	}
}

// Ensure the real kernel's answers are understood for what is no watchdog.
func TestLinux(t *testing.T) {
	for path, part := range map[string]string{
		t.TempDir() + "/none": "no such device", t.TempDir(): "not a character device", "/dev/null": "not a watchdog",
	} {
		b := newBench(t, Required, nil)
		b.Kernel, b.Device = Linux{}, path
		b.begin()
		b.hold(b.now.Add(core.Span(30) * sec))
		b.is(t, false, false, part)
	}
}
