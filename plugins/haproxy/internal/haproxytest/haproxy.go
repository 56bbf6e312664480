// SPDX-License-Identifier: Apache-2.0

// Package haproxytest runs real HAProxys before members that only look like PostgreSQL and pgvigild.
package haproxytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// Each runs a test with every HAProxy that PGVIGIL_TEST_HAPROXY names, as programs separated by colons; by
// default with the one that is installed.
func Each(t *testing.T, test func(t *testing.T, program string)) {
	programs := os.Getenv("PGVIGIL_TEST_HAPROXY")
	if programs == "" {
		programs = Installed(t)
	}
	for program := range strings.SplitSeq(programs, ":") {
		t.Run(version(t, program), func(t *testing.T) { test(t, program) })
	}
}

// Installed is the program that the distribution installed.
func Installed(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy", "/usr/local/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("haproxy is not installed")
	return ""
}

// version is such as "2.6".
func version(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(program, "-v").Output()
	if err != nil {
		t.Fatalf("%s -v: %v", program, err)
	}
	full := strings.Fields(strings.TrimPrefix(string(out), "HAProxy version "))[0]
	parts := strings.SplitN(full, ".", 3)
	return parts[0] + "." + parts[1]
}

// HAProxy is a master with its worker, as the units of distributions run it.
type HAProxy struct {
	// Dir holds all its files. Place in it, as $DIR in the configuration, the sockets of the frontends.
	Dir string
	// Admin is the socket of its global section.
	Admin admin.Socket
	// Program it is.
	Program string
	// Include is a directory of configuration files beside its own; none when empty.
	Include string

	log   log
	cmd   *exec.Cmd
	ended chan struct{}
}

// New prepares an HAProxy that is not started. $DIR in the configuration stands for its directory. Its global
// section is made here, with the given level on the admin socket.
func New(t testing.TB, program, level, sections string) *HAProxy {
	t.Helper()
	dir := plugintest.Dir(t)
	h := &HAProxy{Dir: dir, Admin: admin.Socket(filepath.Join(dir, "admin.sock")), Program: program}
	h.Write(t, "global\n  stats socket $DIR/admin.sock mode 600 level "+level+"\n"+sections)
	t.Cleanup(func() {
		h.Stop(t)
		if t.Failed() {
			t.Logf("HAProxy in %s:\n%s", dir, h.log.String())
		}
	})
	return h
}

// Start runs a new HAProxy and waits until it answers on its admin socket.
func Start(t testing.TB, program, sections string) *HAProxy {
	t.Helper()
	h := New(t, program, "admin", sections)
	h.Start(t)
	return h
}

// Config is the path of the configuration.
func (h *HAProxy) Config() string { return filepath.Join(h.Dir, "haproxy.cfg") }

// Write replaces the configuration.
func (h *HAProxy) Write(t testing.TB, config string) {
	t.Helper()
	config = strings.ReplaceAll(config, "$DIR", h.Dir)
	if err := os.WriteFile(h.Config(), []byte(config), 0o644); err != nil {
		t.Fatalf("configuration: %v", err)
	}
}

// Start starts it, and waits until it answers.
func (h *HAProxy) Start(t testing.TB) {
	t.Helper()
	h.cmd = exec.Command(h.Program, "-W", "-S", h.Master(), "-f", h.Config())
	if h.Include != "" {
		h.cmd.Args = append(h.cmd.Args, "-f", h.Include)
	}
	h.cmd.Stdout, h.cmd.Stderr = &h.log, &h.log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		t.Fatalf("start of %s: %v", h.Program, err)
	}
	h.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(h.cmd, h.ended)
	plugintest.Eventually(t, "HAProxy answers", func() bool {
		select {
		case <-h.ended:
			t.Fatalf("HAProxy ended:\n%s", h.log.String())
		default:
		}
		return h.worker() != 0
	})
}

// Stop ends it, if it runs, worker and all.
func (h *HAProxy) Stop(t testing.TB) {
	t.Helper()
	if h.cmd == nil {
		return
	}
	if err := syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("end of HAProxy: %v", err)
	}
	<-h.ended
	h.cmd = nil
	plugintest.Eventually(t, "nobody listens on the admin socket", func() bool { // the worker ends after its master
		conn, err := net.Dial("unix", string(h.Admin))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// Reload has another worker take over, and waits until it has.
func (h *HAProxy) Reload(t testing.TB) {
	t.Helper()
	before := h.worker()
	if err := admin.Master(h.Master()).Reload(t.Context()); err != nil {
		t.Fatalf("reload: %v", err)
	}
	plugintest.Eventually(t, "a new worker has taken over", func() bool {
		now := h.worker()
		return now != 0 && now != before
	})
}

// Freeze stops the worker, and returns what lets it go on.
func (h *HAProxy) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	worker := h.worker()
	signal := func(sig syscall.Signal) {
		if err := syscall.Kill(worker, sig); err != nil {
			t.Errorf("signal %v to the worker: %v", sig, err)
		}
	}
	signal(syscall.SIGSTOP)
	plugintest.Eventually(t, "the worker is stopped", func() bool {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", worker))
		return err == nil && strings.Contains(string(raw), ") T ")
	})
	return func() { signal(syscall.SIGCONT) }
}

// PID of the master.
func (h *HAProxy) PID() int { return h.cmd.Process.Pid }

// Server tells what it has for a server such as "primary/m1".
func (h *HAProxy) Server(t testing.TB, name string) admin.Server {
	t.Helper()
	state, err := h.Admin.Look(t.Context())
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	for _, s := range state.Servers {
		if s.String() == name {
			return s
		}
	}
	return admin.Server{}
}

// Up names the servers that are up, such as "primary/m1 replica/m2".
func (h *HAProxy) Up(t testing.TB) string {
	t.Helper()
	state, err := h.Admin.Look(t.Context())
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	var up []string
	for _, s := range state.Servers {
		if s.Up {
			up = append(up, s.String())
		}
	}
	return strings.Join(up, " ")
}

// AwaitUp waits until exactly these servers are up.
func (h *HAProxy) AwaitUp(t testing.TB, want string) {
	t.Helper()
	got := ""
	defer func() {
		if t.Failed() {
			t.Logf("up: %q, want %q", got, want)
		}
	}()
	plugintest.Eventually(t, "up: "+want, func() bool {
		got = h.Up(t)
		return got == want
	})
}

// Master is the path of its master socket.
func (h *HAProxy) Master() string { return filepath.Join(h.Dir, "master.sock") }

// worker is the process that answers on the admin socket; 0 when none does, or the master does not.
func (h *HAProxy) worker() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p, err := h.Admin.Process(ctx)
	if err != nil || admin.Master(h.Master()).CutLeftBehind(ctx, nil) != nil {
		return 0
	}
	return p.PID
}

// log may be written and read at once.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
