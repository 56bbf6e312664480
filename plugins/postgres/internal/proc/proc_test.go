// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func command(script string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd
}

func TestRunTellsWhy(t *testing.T) {
	var lines []string
	err := Run(t.Context(), command(`printf '1/2 kB\r2/2 kB\n' >&2; echo 'x: error: out of cheese' >&2; echo bye >&2; exit 3`),
		func(s string) { lines = append(lines, s) })
	if err == nil || !strings.Contains(err.Error(), "out of cheese") {
		t.Errorf("error: %v", err)
	}
	if got := strings.Join(lines, "|"); got != "1/2 kB|2/2 kB|x: error: out of cheese|bye" {
		t.Errorf("lines: %s", got)
	}
}

// A cancelled program ends with all that it started.
func TestRunCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, command("sleep 1000 & echo $! >&2; wait"), func(s string) { began <- s })
	}()
	child := <-began
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	deadline := time.After(10 * time.Second)
	for {
		raw, err := os.ReadFile("/proc/" + child + "/stat")
		if err != nil || strings.Contains(string(raw), ") Z ") {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the child lives")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestWatchExit(t *testing.T) {
	cmd := command("read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e, closed := WatchExit(cmd.Process.Pid), WatchExit(cmd.Process.Pid)
	defer e.Close()
	closed.Close()
	select {
	case <-e.Done():
		t.Fatal("ended before its end")
	case <-time.After(20 * time.Millisecond):
	}
	in.Close()
	select {
	case <-e.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("end not noticed")
	}
	_ = cmd.Wait()
	select {
	case <-WatchExit(cmd.Process.Pid).Done():
	case <-time.After(10 * time.Second):
		t.Fatal("watch of nobody does not end")
	}
}

func TestStat(t *testing.T) {
	s, err := parseStat(42, []byte("42 (a) b) (c)) T 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0\n"))
	if err != nil || s.State != 'T' || s.Parent != 7 || s.StartTicks != 987654 {
		t.Errorf("%+v %v", s, err)
	}
	self, err := Read(os.Getpid())
	if err != nil || !Same(self.PID, self.StartTicks) || Same(self.PID, self.StartTicks+1) {
		t.Errorf("self: %+v %v", self, err)
	}
	if _, err := Read(1 << 30); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
}

// A shell that stands in the data directory is no server.
func TestOccupants(t *testing.T) {
	dir := t.TempDir()
	cmd := command("read x")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got, err := Occupants(dir); err != nil || len(got) != 0 {
		t.Errorf("occupants: %v %v", got, err)
	}
	in.Close()
	_ = cmd.Wait()
	if !isServer("/usr/lib/postgresql/17/bin/postgres (deleted)") || isServer("/usr/bin/psql") {
		t.Error("servers are told by their executable")
	}
}
