// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// fakeKernel is a kernel with one watchdog, which writes down what is asked of it. It behaves as the kernel's
// watchdog core does: running from the first opening to a close announced by 'V', and open once at a time.
type fakeKernel struct {
	mu    sync.Mutex
	calls []string

	missing, ordinary      bool
	forbidden              error
	options                uint32
	nowayout, silent       bool // silent: no sysfs
	bootstatus             string
	opened, running        bool
	magic                  bool
	timeout, least, most   int
	supportErr, setErr     error
	getErr, petErr, putErr error
	// block, when not nil, keeps Open from returning until it is closed.
	block chan struct{}
}

const ordinaryOptions = unix.WDIOF_SETTIMEOUT | unix.WDIOF_MAGICCLOSE | unix.WDIOF_KEEPALIVEPING

func newFakeKernel() *fakeKernel {
	return &fakeKernel{options: ordinaryOptions, timeout: 60, least: 1, most: 65535, bootstatus: "0"}
}

// take returns the calls since the last take.
func (k *fakeKernel) take() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := strings.Join(k.calls, ", ")
	k.calls = nil
	return out
}

func (k *fakeKernel) note(format string, args ...any) func() {
	k.mu.Lock()
	k.calls = append(k.calls, fmt.Sprintf(format, args...))
	return k.mu.Unlock
}

func (k *fakeKernel) Stat(string) (bool, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.missing {
		return false, 0, unix.ENOENT
	}
	return !k.ordinary, 42, nil
}

func (k *fakeKernel) Writable(string) error { return k.forbidden }

func (k *fakeKernel) Attribute(device uint64, name string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.silent || device != 42 {
		return "", unix.ENOENT
	}
	state, nowayout := "inactive", "0"
	if k.running {
		state = "active"
	}
	if k.nowayout {
		nowayout = "1"
	}
	return map[string]string{"state": state, "nowayout": nowayout, "identity": "Fake", "bootstatus": k.bootstatus}[name], nil
}

func (k *fakeKernel) Open(string) (File, error) {
	defer k.note("open")()
	if k.block != nil {
		k.mu.Unlock()
		<-k.block
		k.mu.Lock()
	}
	if k.opened {
		return nil, unix.EBUSY
	}
	k.opened, k.running, k.magic = true, true, false
	return (*fakeFile)(k), nil
}

type fakeFile fakeKernel

func (f *fakeFile) Support() (uint32, string, error) {
	defer (*fakeKernel)(f).note("support")()
	return f.options, "Fake", f.supportErr
}

func (f *fakeFile) SetTimeout(s int) error {
	defer (*fakeKernel)(f).note("set %d", s)()
	if f.setErr == nil {
		f.timeout = min(max(s, f.least), f.most)
	}
	return f.setErr
}

func (f *fakeFile) Timeout() (int, error) {
	defer (*fakeKernel)(f).note("get")()
	return f.timeout, f.getErr
}

func (f *fakeFile) Keepalive() error {
	defer (*fakeKernel)(f).note("feed")()
	return f.petErr
}

func (f *fakeFile) Write(p []byte) (int, error) {
	defer (*fakeKernel)(f).note("write %q", p)()
	if f.putErr == nil {
		f.magic = bytes.ContainsRune(p, 'V')
	}
	return len(p), f.putErr
}

func (f *fakeFile) Close() error {
	defer (*fakeKernel)(f).note("close")()
	if !f.opened {
		return errors.New("closed twice")
	}
	f.opened = false
	if (f.magic || f.options&unix.WDIOF_MAGICCLOSE == 0) && !f.nowayout {
		f.running = false
	}
	return nil
}

// bench is a driver on a fake kernel and a clock that stands still until it is moved.
type bench struct {
	*driver
	kernel *fakeKernel
	now    core.Instant
	log    bytes.Buffer
}

const sec = core.Second

func newBench(t *testing.T, m Mode, change func(*fakeKernel)) *bench {
	t.Helper()
	b := &bench{kernel: newFakeKernel(), now: core.Instant(1000 * sec)}
	if change != nil {
		change(b.kernel)
	}
	b.driver = &driver{Config: Config{
		Mode: m, Device: "/dev/watchdog", Timeout: 25 * time.Second, RenewEvery: 7500 * time.Millisecond,
		Record: filepath.Join(t.TempDir(), "watchdog"), Now: func() core.Instant { return b.now },
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Kernel: b.kernel,
	}}
	return b
}

// renewed holds to a leadership renewed at this instant.
func (b *bench) renewed() { b.hold(b.now.Add(30 * sec)) }

// expect compares the calls since the last time.
func (b *bench) expect(t *testing.T, what, want string) {
	t.Helper()
	if got := b.kernel.take(); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// is compares what the driver says of itself; part is contained in its message, empty for none at all.
func (b *bench) is(t *testing.T, usable, armed bool, part string) {
	t.Helper()
	m := b.message()
	if b.usable() != usable || b.armed != armed || !strings.Contains(m, part) || part == "" && m != "" {
		t.Errorf("usable %v, armed %v, %q; want %v, %v, %q", b.usable(), b.armed, m, usable, armed, part)
	}
}
