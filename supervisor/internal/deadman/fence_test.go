// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// fenced runs Fence and checks that its word is true.
func fenced(t *testing.T, s *server, load *load) {
	t.Helper()
	began := deadman.BootNow()
	must(t, s.client.Fence(limited(t)))
	done := deadman.BootNow()
	t.Logf("fenced in %v", time.Duration(done-began))
	if empty, err := deadman.Empty(s.dataDir); !empty || err != nil {
		t.Errorf("fenced, and empty says %v, %v", empty, err)
	}
	for _, p := range []deadman.Process{s.launcher, s.postmaster, load.busy} {
		if p.Alive() {
			t.Errorf("fenced, and process %d lives", p.PID)
		}
	}
	if asked := load.lastAsked(); asked >= done {
		t.Errorf("a commit asked for %v after Fence returned was acknowledged", time.Duration(asked-done))
	}
}

func fence(t *testing.T, l *lab) {
	s := l.start(t)
	fenced(t, s, s.load(t, 2))
}

func fencePostmasterStopped(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	s.stop(t, s.postmaster)
	fenced(t, s, load)
}

func fenceLauncherKilled(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	s.signal(t, unix.SIGKILL, s.launcher)
	fenced(t, s, load)
}

// With launcher and postmaster killed, nothing in the kernel or in PostgreSQL ends a backend that waits for nothing.
func fenceOrphanedBackends(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	s.stop(t, s.launcher)
	s.signal(t, unix.SIGKILL, s.postmaster, s.launcher)
	eventually(t, "launcher and postmaster are gone", func() bool { return !s.launcher.Alive() && !s.postmaster.Alive() })
	if !load.busy.Alive() {
		t.Error("the busy backend has ended by itself, the test proves nothing")
	}
	fenced(t, s, load)
}

func fenceAllStopped(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	inside, err := deadman.Occupants(s.dataDir)
	must(t, err)
	s.stop(t, append([]deadman.Process{s.launcher}, inside...)...)
	fenced(t, s, load)
}

// Without the record, a client that has heard of the launcher remembers it, and one that knows the data directory finds
// PostgreSQL there.
func fenceRecordLost(t *testing.T, l *lab) {
	for name, client := range map[string]*deadman.Client{"memory": {}, "directory": {DataDir: l.dataDir}} {
		s := l.start(t)
		load := s.load(t, 1)
		client.RunDir = s.runDir
		if client.DataDir == "" {
			_, err := client.Status(limited(t))
			must(t, err)
		}
		must(t, os.Remove(filepath.Join(s.runDir, deadman.RecordFile)))
		must(t, os.Remove(filepath.Join(s.runDir, deadman.SocketFile)))
		s.stop(t, s.launcher)
		must(t, client.Fence(limited(t)))
		if s.occupied(t) || load.busy.Alive() || s.postmaster.Alive() {
			t.Errorf("%s: fenced with processes left", name)
		}
		must(t, s.launcher.Signal(unix.SIGKILL))
	}
}

func fenceNothing(t *testing.T, l *lab) {
	c := &deadman.Client{RunDir: l.newRunDir(t), DataDir: l.dataDir}
	must(t, c.Fence(limited(t)))
	absent := &deadman.Client{RunDir: c.RunDir, DataDir: filepath.Join(l.root, "absent")}
	must(t, absent.Fence(limited(t)))
	blind := &deadman.Client{RunDir: c.RunDir}
	if err := blind.Fence(limited(t)); err == nil {
		t.Error("fenced nobody knows what")
	}
}

// An administrator's shell may stand in the data directory. It is neither in the way nor in danger.
func bystander(t *testing.T, l *lab) {
	shell := exec.Command("sleep", "600")
	shell.Dir = l.dataDir
	must(t, shell.Start())
	defer func() { _ = shell.Process.Kill(); _ = shell.Wait() }()
	p, err := deadman.FindProcess(shell.Process.Pid)
	must(t, err)
	s := l.start(t)
	if empty, err := deadman.Empty(l.dataDir); empty || err != nil {
		t.Errorf("running, and empty says %v, %v", empty, err)
	}
	fenced(t, s, s.load(t, 1))
	if !p.Alive() {
		t.Error("the bystander was killed")
	}
}

// The directory counts, not the name by which it was entered or is asked for.
func otherName(t *testing.T, l *lab) {
	s := l.start(t)
	link, moved := filepath.Join(l.root, "link"), filepath.Join(l.root, "moved")
	must(t, os.Symlink(l.dataDir, link))
	defer os.Remove(link)
	for _, dir := range []string{link, l.dataDir + "/../data/"} {
		if empty, err := deadman.Empty(dir); empty || err != nil {
			t.Errorf("running, and empty(%s) says %v, %v", dir, empty, err)
		}
	}
	if empty, err := deadman.Empty(l.root); !empty || err != nil {
		t.Errorf("empty(%s) says %v, %v, want true: nothing works there", l.root, empty, err)
	}
	must(t, os.Rename(l.dataDir, moved))
	empty, err := deadman.Empty(moved)
	must(t, os.Rename(moved, l.dataDir))
	if empty || err != nil {
		t.Errorf("running, and empty of the renamed directory says %v, %v", empty, err)
	}
	must(t, s.client.Kill(limited(t)))
	if empty, err := deadman.Empty(link); !empty || err != nil {
		t.Errorf("ended, and empty(%s) says %v, %v", link, empty, err)
	}
}

func watch(t *testing.T, l *lab) {
	s := l.start(t)
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := deadman.Watch(short, s.postmaster); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("watch of a live process returned %v", err)
	}
	wrong := deadman.Process{PID: s.postmaster.PID, StartTicks: s.postmaster.StartTicks + 1}
	must(t, deadman.Watch(limited(t), wrong)) // that process is gone, whoever has its pid now
	seen := make(chan error, 1)
	go func() { seen <- deadman.Watch(limited(t), s.postmaster) }()
	s.signal(t, unix.SIGKILL, s.postmaster)
	must(t, <-seen)
	if s.postmaster.Alive() {
		t.Error("watch returned with the process alive")
	}
	must(t, deadman.Watch(limited(t), s.postmaster))
}
