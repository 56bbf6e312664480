// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// kennel is a kernel with several watchdogs, by their paths. Its device numbers are lengths of paths.
type kennel map[string]*fakeKernel

func (k kennel) Stat(path string) (bool, uint64, error) {
	if k[path] == nil {
		return false, 0, unix.ENOENT
	}
	return true, uint64(len(path)), nil
}

func (k kennel) Attribute(device uint64, name string) (string, error) {
	for path, one := range k {
		if uint64(len(path)) == device {
			return one.Attribute(42, name)
		}
	}
	return "", unix.ENOENT
}

func (k kennel) Writable(string) error          { return nil }
func (k kennel) Open(path string) (File, error) { return k[path].Open(path) }

// left is a driver that has not looked at any device yet, whose predecessor led, and left "/dev/old" armed.
func left(t *testing.T, m Mode) (*bench, *fakeKernel) {
	t.Helper()
	b := newBench(t, m, nil)
	old := newFakeKernel()
	former := driver{Config: b.Config}
	b.Kernel = kennel{"/dev/old": old, b.Device: b.kernel}
	former.Kernel, former.Device = b.Kernel, "/dev/old"
	former.arm(b.now.Add(30 * sec))
	old.opened = false // the process ended
	old.take()
	return b, old
}

// Ensure a device that was left armed and is not used any more guards until another one does, and is stopped then.
func TestAnotherDevice(t *testing.T) {
	b, old := left(t, Required)
	b.begin()
	b.hold(b.now.Add(20 * sec)) // too little is left for ours to be armed
	if got := old.take(); got != "open, support" || b.armed {
		t.Errorf("before ours is armed: %s", got)
	}
	b.renewed()
	b.renewed()
	if got := old.take(); got != `write "V", close` || !b.armed {
		t.Errorf("once ours is armed: %s", got)
	}
	if got := b.noted(); got != b.Device {
		t.Errorf("noted: %q", got)
	}
	b.hold(0)
	if got := b.noted(); got != "" || b.kernel.running {
		t.Errorf("noted after the stop: %q", got)
	}

	b, old = left(t, Off)
	b.inherit()
	b.hold(core.LongPast)
	b.hold(b.now - 1)
	if !old.running {
		t.Error("stopped, though PostgreSQL may be writable without a leadership")
	}
	b.hold(b.now + 1)
	if old.running {
		t.Error("not stopped, though the leadership is in force and no watchdog wanted")
	}

	b, old = left(t, Required)
	b.begin()
	b.hold(0)
	if old.running || b.noted() != "" {
		t.Errorf("not leading: %s; noted %q", old.take(), b.noted())
	}

	for name, change := range map[string]func(*bench){
		"ours is missing":  func(b *bench) { delete(b.Kernel.(kennel), b.Device) },
		"ttl is too short": func(b *bench) { b.Timeout = time.Second },
	} {
		b, old := left(t, Automatic)
		change(b)
		b.begin()
		b.renewed()
		if old.running || b.noted() != "" || b.kernel.running {
			t.Errorf("%s: %s; noted %q, ours runs: %v", name, old.take(), b.noted(), b.kernel.running)
		}
	}
}

// Ensure what was left armed, and only that, is stopped when no watchdog is to be used.
func TestSwitchedOff(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(old *fakeKernel, record string)
		want    string
		running bool
	}{
		"left armed": {nil, `open, support, write "V", close`, false},
		"not noted":  {func(_ *fakeKernel, record string) { os.Remove(record) }, "", true},
		"stopped":    {func(old *fakeKernel, _ string) { old.running = false }, "", false},
		"another's":  {func(old *fakeKernel, _ string) { old.opened = true }, "open", true},
		"nowayout":   {func(old *fakeKernel, _ string) { old.nowayout = true }, `open, support, write "V", close`, true},
	} {
		b, old := left(t, Off)
		if c.change != nil {
			c.change(old, b.Record)
		}
		w := New(b.Config)
		w.Start()
		w.Hold(b.now.Add(5 * sec))
		w.Close()
		if got := old.take(); got != c.want || old.running != c.running || b.kernel.take() != "" {
			t.Errorf("%s: %s; runs: %v", name, got, old.running)
		}
		if told := strings.Contains(b.log.String(), "watchdog not stopped"); told != (name == "nowayout") {
			t.Errorf("%s: told %v", name, told)
		}
	}
}
