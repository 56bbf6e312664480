// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// writers commit rows until the server is gone, and keep the greatest position of an acknowledged commit.
type writers struct {
	wait  sync.WaitGroup
	acked atomic.Uint64
	count atomic.Int64
}

func (w *writers) run(h *host, n int) {
	for range n {
		w.wait.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				out, err := h.sql(ctx, "INSERT INTO load VALUES (1) RETURNING pg_current_wal_insert_lsn()")
				cancel()
				if err != nil {
					return
				}
				lsn, err := wal.ParseLSN(out)
				if err != nil {
					return
				}
				w.count.Add(1)
				for old := w.acked.Load(); uint64(lsn) > old && !w.acked.CompareAndSwap(old, uint64(lsn)); old = w.acked.Load() {
				}
			}
		})
	}
}

// A postmaster killed under load is seen as crashed, empty, and with all that it acknowledged; started
// again it is a standby, and has exactly the log that was promised.
func TestCrashUnderLoad(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.primary(t)
		h.mustSQL(t, "CREATE TABLE load (i int)")
		var w writers
		w.run(h, 4)
		state := h.await(t, "under load", func(o *pluginv1.ObserveResponse) bool { return w.count.Load() > 100 })
		killed := time.Now()
		must(t, "kill", syscall.Kill(int(state.GetPostmasterPid()), syscall.SIGKILL))
		state = h.await(t, "crashed", func(o *pluginv1.ObserveResponse) bool {
			return o.GetStatus() == pluginv1.Status_STATUS_CRASHED && o.GetEmpty() && o.GetLsn() != 0
		})
		t.Logf("seen as crashed and empty, with the end of the log, after %s", time.Since(killed))
		w.wait.Wait()
		if state.GetLsn() < w.acked.Load() {
			t.Errorf("end of the log %X, acknowledged up to %X", state.GetLsn(), w.acked.Load())
		}
		h.start(t, nil)
		again := h.awaitStatus(t, pluginv1.Status_STATUS_RUNNING)
		if again.GetRole() != pluginv1.Role_ROLE_STANDBY || again.GetReplayedLsn() != state.GetLsn() {
			t.Errorf("crashed at %X, then %v", state.GetLsn(), again)
		}
		h.stop(t, 10*time.Second)
	})
}

// What an old primary had alone is kept and counted before it is rewound.
func TestDivergedLogIsKept(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		a.mustSQL(t, "CREATE TABLE load (i int)")
		b.detach(t)
		for range 25 {
			a.mustSQL(t, "INSERT INTO load VALUES (1)")
		}
		a.stop(t, 0)
		b.promote(t, 2, "alpha")
		must(t, "rewind", a.rewind(t, b))
		found, _ := filepath.Glob(a.state("diverged/*/summary.txt"))
		if len(found) != 1 {
			t.Fatalf("summaries: %v", found)
		}
		raw, err := os.ReadFile(found[0])
		must(t, "summary", err)
		if !strings.Contains(string(raw), "committed transactions: 25\n") {
			t.Errorf("summary:\n%s", raw)
		}
		if segments, _ := filepath.Glob(filepath.Join(filepath.Dir(found[0]), "0000000*")); len(segments) == 0 {
			t.Error("no segment was kept")
		}
		a.start(t, b)
		a.awaitStreaming(t)
		a.stop(t, 10*time.Second)
		b.stop(t, 10*time.Second)
	})
}

// A rewind that was cut off leaves a directory that is good for a clone only.
func TestInterruptedRewind(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		b.stop(t, 10*time.Second)
		info, err := os.Stat(b.dataDir())
		must(t, "data directory", err)
		id := info.Sys().(*syscall.Stat_t)
		must(t, "mark", os.WriteFile(b.state("mark"), fmt.Appendf(nil, `{"device":%d,"inode":%d}`, id.Dev, id.Ino), 0o644))
		must(t, "mark", os.Rename(b.state("mark"), b.state("rewinding.json")))
		if state := b.awaitStatus(t, pluginv1.Status_STATUS_UNUSABLE); !strings.Contains(state.GetMessage(), "rewind") || !state.GetHalfRewound() {
			t.Errorf("message %q, half rewound %t", state.GetMessage(), state.GetHalfRewound())
		}
		if err := b.rewind(t, a); status.Code(err) != codes.OutOfRange {
			t.Errorf("rewind: %v", err)
		}
		if err := b.tryStart(t, a); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("start: %v", err)
		}
		b.clone(t, a)
		b.start(t, a)
		b.awaitStreaming(t)
		b.stop(t, 10*time.Second)
		a.stop(t, 10*time.Second)
	})
}

// Leftovers of a crash do not keep a member from starting, or make it start wrongly.
func TestLeftovers(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.primary(t)
		h.await(t, "marked as a primary", func(*pluginv1.ObserveResponse) bool {
			_, err := os.Stat(h.state("promoted.json"))
			return err == nil
		})
		h.stop(t, 0)
		own := osAccount(t)
		for name, text := range map[string]string{
			"postmaster.pid": fmt.Sprintf("%d\n%s\n1\n%d\n", os.Getpid(), h.dataDir(), h.port),
			"backup_label":   "START WAL LOCATION: 0/1000028 (file 000000010000000000000001)\nCHECKPOINT LOCATION: 0/1000060\nBACKUP METHOD: pg_start_backup\nBACKUP FROM: primary\nSTART TIME: 2026-01-01 00:00:00 UTC\nLABEL: left\nSTART TIMELINE: 1\n",
		} {
			path := filepath.Join(h.dataDir(), name)
			must(t, name, os.WriteFile(path, []byte(text), 0o600))
			must(t, name, own.Own(path))
		}
		if state := h.awaitStatus(t, pluginv1.Status_STATUS_CRASHED); !state.GetEmpty() || state.GetPostmasterPid() != 0 {
			t.Errorf("with another process's PID in postmaster.pid: %v", state)
		}
		h.start(t, nil)
		if _, err := os.Stat(filepath.Join(h.dataDir(), "backup_label.old")); err != nil {
			t.Errorf("leftover backup_label: %v", err)
		}
		h.promote(t, 2)
		h.stop(t, 10*time.Second)
	})
}

// A start that fails tells PostgreSQL's own reason, also to who observes.
func TestStartFails(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.bootstrap(t)
		h.set(t, "shared_buffers", "rubbish")
		err := h.tryStart(t, nil)
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "configuration file") {
			t.Errorf("start: %v", err)
		}
		state := h.awaitStatus(t, pluginv1.Status_STATUS_STOPPED)
		if !strings.Contains(state.GetMessage(), "did not start") {
			t.Errorf("message %q", state.GetMessage())
		}
		h.set(t, "shared_buffers", "16MB")
		h.start(t, nil)
		h.stop(t, 10*time.Second)
	})
}

// A frozen server is said to hang, and is running again when it thaws.
func TestFrozen(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.primary(t)
		signalAll := func(sig syscall.Signal) {
			pids, err := proc.Occupants(h.dataDir())
			must(t, "processes", err)
			for _, pid := range pids {
				must(t, "signal", syscall.Kill(pid, sig))
			}
		}
		signalAll(syscall.SIGSTOP)
		state := h.awaitStatus(t, pluginv1.Status_STATUS_HUNG)
		if state.GetEmpty() || state.GetPostmasterPid() == 0 || state.GetMessage() == "" {
			t.Errorf("frozen: %v", state)
		}
		signalAll(syscall.SIGCONT)
		h.await(t, "primary again", func(o *pluginv1.ObserveResponse) bool {
			return o.GetStatus() == pluginv1.Status_STATUS_RUNNING && o.GetRole() == pluginv1.Role_ROLE_PRIMARY
		})
		signalAll(syscall.SIGSTOP)
		h.stop(t, 5*time.Second)
		if left, err := proc.Occupants(h.dataDir()); err != nil || len(left) > 0 {
			t.Errorf("after stop: %v %v", left, err)
		}
	})
}

// A server that somebody else started is found, and can be stopped.
func TestServerOfSomebodyElse(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.bootstrap(t)
		cmd := osAccount(t).Command(filepath.Join(bin, "pg_ctl"), "-D", h.dataDir(), "-w", "-l", filepath.Join(h.dir, "pg", "by-hand.log"), "start")
		out, err := cmd.Output()
		must(t, "pg_ctl: "+string(out), err)
		state := h.awaitStatus(t, pluginv1.Status_STATUS_RUNNING)
		if state.GetLaunched() || state.GetEmpty() {
			t.Errorf("server started by hand: %v", state)
		}
		h.stop(t, 10*time.Second)
		if state := h.awaitStatus(t, pluginv1.Status_STATUS_STOPPED); !state.GetEmpty() {
			t.Errorf("after stop: %v", state)
		}
	})
}

// Passwords are on no command line, in no environment and in no log.
func TestSecretsStaySecret(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		stop, seen := make(chan struct{}), make(chan []string, 1)
		go func() { seen <- sniff(stop) }()
		a, b := pair(t, bin)
		b.stop(t, 10*time.Second)
		must(t, "rewind", b.rewind(t, a))
		a.stop(t, 10*time.Second)
		close(stop)
		for _, s := range <-seen {
			t.Errorf("secret seen: %s", s)
		}
		for _, h := range []*host{a, b} {
			raw, err := os.ReadFile(h.state("log/postgresql.log"))
			must(t, "log", err)
			if text := string(raw) + h.process.Stderr(); leaks(text) {
				t.Errorf("secret in a log of %s", h.name)
			}
			info, err := os.Stat(h.state("pgpass"))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("password file: %v %v", info, err)
			}
		}
	})
}

func leaks(text string) bool {
	return strings.Contains(text, superPassword) || strings.Contains(text, replPassword)
}

// sniff reads all command lines and environments until stop.
func sniff(stop <-chan struct{}) []string {
	var out []string
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return out
		case <-tick.C:
		}
		for _, file := range []string{"cmdline", "environ"} {
			found, _ := filepath.Glob("/proc/[0-9]*/" + file)
			for _, path := range found {
				if raw, err := os.ReadFile(path); err == nil && leaks(string(raw)) {
					out = append(out, path+": "+strconv.Quote(string(raw)))
				}
			}
		}
	}
}

// The plugin runs as an ordinary user, too.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		TestCrashUnderLoad(t) // all tests run so
		return
	}
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.process.Kill(t)
		must(t, "owner", exec.Command("chown", "-R", "postgres:", h.dir).Run())
		sockets := filepath.Join(h.dir, "plugin")
		must(t, "sockets", os.Mkdir(sockets, 0o755))
		must(t, "sockets", osAccount(t).Own(sockets))
		script := fmt.Sprintf("#!/bin/sh\nexport PLUGIN_UNIX_SOCKET_DIR=%s\nexec setpriv --reuid=postgres --regid=postgres --init-groups %s\n", sockets, h.process.Path)
		wrapper := filepath.Join(h.dir, "as-postgres")
		must(t, "wrapper", os.WriteFile(wrapper, []byte(script), 0o755))
		h.process.Path = wrapper
		h.conn = h.process.Start(t)
		h.configure(t)
		h.primary(t, "beta")
		h.stop(t, 10*time.Second)
	})
}
