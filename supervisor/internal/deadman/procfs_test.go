// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const rest = " S 17 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 194009 1 2"
	for _, tc := range []struct {
		line string
		want stat
		ok   bool
	}{
		{"42 (postgres)" + rest, stat{pid: 42, comm: "postgres", state: 'S', ppid: 17, threads: 1, startTicks: 194009}, true},
		{"42 (a) b (c))" + rest + "\n", stat{pid: 42, comm: "a) b (c)", state: 'S', ppid: 17, threads: 1, startTicks: 194009}, true},
		{"42 ()" + rest, stat{pid: 42, state: 'S', ppid: 17, threads: 1, startTicks: 194009}, true},
		{"42 (postgres) S 17 42", stat{}, false},
		{"42 postgres" + rest, stat{}, false},
		{"x (postgres)" + rest, stat{}, false},
		{"", stat{}, false},
		{")(", stat{}, false},
	} {
		got, err := parseStat(tc.line)
		if (err == nil) != tc.ok {
			t.Errorf("%q: error %v, want ok %v", tc.line, err, tc.ok)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(stat{})); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", tc.line, diff)
		}
	}
}

func TestDead(t *testing.T) {
	for s, want := range map[stat]bool{
		{state: 'Z', threads: 1}: true,
		{state: 'X', threads: 0}: true,
		{state: 'Z', threads: 5}: false, // the others still hold files and locks
		{state: 'T', threads: 1}: false,
		{state: 'D', threads: 1}: false,
		{state: 'R', threads: 1}: false,
	} {
		if got := s.dead(); got != want {
			t.Errorf("%c with %d threads: dead %v, want %v", s.state, s.threads, got, want)
		}
	}
}

func TestProcessIdentity(t *testing.T) {
	self, err := FindProcess(os.Getpid())
	if err != nil || !self.Alive() {
		t.Fatalf("self %+v alive %v, %v", self, self.Alive(), err)
	}
	reused := Process{PID: self.PID, StartTicks: self.StartTicks + 1}
	if reused.Alive() {
		t.Error("a process that had this pid before counts as alive")
	}
	if err := reused.Signal(unix.SIGKILL); err != nil { // must not hit this test
		t.Errorf("signal to a process long gone: %v", err)
	}
	if (Process{}).Alive() || (Process{}).Signal(unix.SIGKILL) != nil {
		t.Error("the zero process is somebody")
	}
	if _, err := FindProcess(1 << 30); !errors.Is(err, unix.ESRCH) {
		t.Errorf("impossible pid: %v, want ESRCH", err)
	}
}

func TestRecordOfAnEarlierBoot(t *testing.T) {
	dir := t.TempDir()
	boot, err := BootID()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		boot string
		want error
	}{{boot, nil}, {"00000000-0000-0000-0000-000000000000", fs.ErrNotExist}} {
		for _, name := range []string{RecordFile, ExitFile} {
			b, _ := json.Marshal(map[string]any{"boot_id": tc.boot})
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, recordErr := ReadRecord(dir)
		_, exitErr := ReadExit(dir)
		if !errors.Is(recordErr, tc.want) || !errors.Is(exitErr, tc.want) {
			t.Errorf("boot %s: %v and %v, want %v", tc.boot, recordErr, exitErr, tc.want)
		}
	}
}

func TestLockedBy(t *testing.T) {
	for content, want := range map[string]int{"123\n/data\n": 123, "-123\n": 123, "": 0, "garbage\n": 0} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "postmaster.pid"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := lockedBy(dir); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", content, got, err, want)
		}
	}
	if got, err := lockedBy(t.TempDir()); got != 0 || err != nil {
		t.Errorf("no file: %d, %v", got, err)
	}
}
