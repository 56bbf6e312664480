// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// contains reports whether some line of text has both parts.
func contains(text, part1, part2 string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part1) && strings.Contains(line, part2) {
			return true
		}
	}
	return false
}

// fails runs a launcher that must not come up and returns what it said.
func fails(t *testing.T, s *lab, runDir string, extra ...string) string {
	t.Helper()
	b, err := s.launch(runDir, extra...).CombinedOutput()
	if err == nil {
		t.Fatal("the launcher ended without an error")
	}
	return string(b)
}

func cannotStart(t *testing.T, l *lab) {
	runDir := l.newRunDir(t)
	if said := fails(t, l, runDir, "-c", "no_such_parameter=1"); said != "" {
		t.Errorf("launcher said %q, want nothing: the log has it", said)
	}
	e, err := deadman.ReadExit(runDir)
	must(t, err)
	if e.ExitCode != 1 || !e.Empty {
		t.Errorf("exit %+v, want code 1 and empty", e)
	}
	cmd := l.command(l.launcher, "--run-dir", runDir, "--data-dir", l.dataDir, "--", filepath.Join(l.root, "no-such-program"))
	if b, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(b), "no-such-program") {
		t.Errorf("launcher without a program: %v, %q", err, b)
	}
	if _, err := deadman.ReadRecord(runDir); !os.IsNotExist(underlying(err)) {
		t.Errorf("record left behind: %v", err)
	}
}

// Whoever started the launcher may read its standard error to the end: that ends when PostgreSQL has been forked.
func detached(t *testing.T, l *lab) {
	runDir := l.newRunDir(t)
	cmd := l.launch(runDir)
	client := &deadman.Client{RunDir: runDir, DataDir: l.dataDir}
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { must(t, client.Fence(limited(t))); _ = cmd.Wait() }()
	b, err := io.ReadAll(stderr) // hangs here if it is kept open
	must(t, err)
	if len(b) > 0 {
		t.Errorf("launcher said %q", b)
	}
	if r, err := deadman.ReadRecord(runDir); err != nil || !r.Postmaster().Alive() {
		t.Errorf("standard error closed, and record %+v, %v", r, err)
	}
}

// underlying unwraps to the innermost error.
func underlying(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}

func secondLauncher(t *testing.T, l *lab) {
	s := l.start(t)
	if said := fails(t, l, s.runDir); !strings.Contains(said, "another launcher") {
		t.Errorf("second launcher in the run directory said %q", said)
	}
	if said := fails(t, l, l.newRunDir(t)); !strings.Contains(said, "another launcher") || !strings.Contains(said, l.dataDir) {
		t.Errorf("second launcher on the data directory said %q", said)
	}
	st, err := s.client.Status(limited(t))
	must(t, err)
	if st.Launcher() != s.launcher || !s.postmaster.Alive() {
		t.Error("the first launcher suffered")
	}
}

// PostgreSQL finds survivors by postmaster.pid and shared memory; the launcher does without both.
func survivors(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 1)
	s.stop(t, s.launcher) // else it would clear up after the postmaster
	s.signal(t, unix.SIGKILL, s.postmaster, s.launcher)
	eventually(t, "only the busy backend is left", func() bool {
		ps, err := deadman.Occupants(l.dataDir)
		return err == nil && len(ps) == 1 && ps[0] == load.busy
	})
	must(t, os.Remove(filepath.Join(l.dataDir, "postmaster.pid")))
	said := fails(t, l, l.newRunDir(t))
	if !strings.Contains(said, "is in use") || !strings.Contains(said, strconv.Itoa(load.busy.PID)) {
		t.Errorf("launcher over survivors said %q, want it in use by %d", said, load.busy.PID)
	}
}

// The pid of a crashed postmaster may have been given to another process of the same user. PostgreSQL alone would refuse.
func staleLock(t *testing.T, l *lab) {
	other := l.command("sleep", "600")
	must(t, other.Start())
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	path := filepath.Join(l.dataDir, "postmaster.pid")
	content := fmt.Sprintf("%d\n%s\n1\n5432\n\n*\n", other.Process.Pid, l.dataDir)
	must(t, os.WriteFile(path, []byte(content), 0o644))
	bare := l.command(filepath.Join(l.binDir, "postgres"), "-D", l.dataDir, "-k", l.root, "-c", "listen_addresses=")
	if b, err := bare.CombinedOutput(); err == nil || !strings.Contains(string(b), "already exists") {
		t.Errorf("PostgreSQL alone: %v, %s; want a refusal, else there is nothing to show", err, b)
	}
	l.start(t)
}

// What a command of PostgreSQL leaves running is given to the launcher and goes with PostgreSQL.
func orphans(t *testing.T, l *lab) {
	s := l.start(t)
	file := filepath.Join(s.runDir, "orphan")
	query(t, s.connect(t), "copy (select 1) to program 'cat >/dev/null; setsid sleep 600 >/dev/null 2>&1 & echo $! > "+file+"'")
	b, err := os.ReadFile(file)
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	must(t, err)
	orphan, err := deadman.FindProcess(pid)
	must(t, err)
	eventually(t, "the orphan is below the launcher", func() bool {
		ps, err := deadman.Descendants(s.launcher.PID)
		must(t, err)
		for _, p := range ps {
			if p == orphan {
				return true
			}
		}
		return false
	})
	must(t, s.client.Kill(limited(t)))
	if orphan.Alive() {
		t.Error("kill answered with an orphan left")
	}
}
