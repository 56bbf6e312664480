// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// say sends raw lines over one connection and returns the answers.
func say(t *testing.T, runDir string, lines ...string) []string {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(runDir, deadman.SocketFile))
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	replies := bufio.NewReader(conn)
	var out []string
	for _, line := range lines {
		_, err := fmt.Fprintln(conn, line)
		must(t, err)
		reply, err := replies.ReadString('\n')
		must(t, err)
		out = append(out, strings.TrimSpace(reply))
	}
	return out
}

func outOfOrder(t *testing.T, l *lab) {
	s := l.start(t)
	at, issued := in(time.Minute), deadman.BootNow()
	got := say(t, s.runDir, fmt.Sprintf("arm %d %d", at, issued), fmt.Sprintf("disarm %d", issued-1),
		fmt.Sprintf("arm %d %d", deadman.BootNow(), issued-1))
	if got[0] != `{"ok":true}` || !strings.Contains(got[1], "before the last command") || !strings.Contains(got[2], "before the last command") {
		t.Errorf("replies %q, want the first done and the others refused", got)
	}
	st, err := s.client.Status(limited(t))
	must(t, err)
	if st.ArmedUntilNs != at {
		t.Errorf("armed until %d, want %d", st.ArmedUntilNs, at)
	}
}

// A disarm that the launcher could not read in time must not take effect after a later arm, in whatever order the
// connections are served.
func waitedCommands(t *testing.T, l *lab) {
	s := l.start(t)
	s.stop(t, s.launcher)
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		if err := s.client.Disarm(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("disarm of a stopped launcher: %v, want deadline exceeded", err)
		}
		cancel()
	}
	at := in(time.Minute)
	armed := make(chan error, 1)
	go func() { armed <- s.client.Arm(limited(t), at) }()
	reach(in(50 * time.Millisecond)) // let it be sent; if it is not, the test proves less but is not wrong
	s.signal(t, unix.SIGCONT, s.launcher)
	must(t, <-armed)
	for range 20 {
		st, err := s.client.Status(limited(t))
		must(t, err)
		if st.ArmedUntilNs != at {
			t.Fatalf("armed until %d, want %d", st.ArmedUntilNs, at)
		}
	}
}

// A client goes on with the next launcher: the connection it kept leads to one that has ended.
func nextLauncher(t *testing.T, l *lab) {
	s := l.start(t)
	at := in(time.Minute)
	must(t, s.client.Arm(limited(t), at))
	must(t, s.client.Kill(limited(t)))
	if err := s.client.Arm(limited(t), at); !errors.Is(err, deadman.ErrNoLauncher) && !errors.Is(err, deadman.ErrRefused) {
		t.Errorf("arm after the end: %v", err)
	}
	must(t, l.launch(s.runDir).Start())
	s.connect(t).Close(context.Background())
	must(t, s.client.Arm(limited(t), at))
	st, err := s.client.Status(limited(t))
	must(t, err)
	if st.ArmedUntilNs != at || st.Postmaster() == s.postmaster {
		t.Errorf("status %+v", st)
	}
}

// PostgreSQL gets the kernel's default whatever the launcher was started with.
func timerSlack(t *testing.T, l *lab) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.Prctl(unix.PR_SET_TIMERSLACK, 400_000, 0, 0, 0))
	s := l.start(t)
	must(t, unix.Prctl(unix.PR_SET_TIMERSLACK, 50_000, 0, 0, 0))
	for p, want := range map[deadman.Process]string{s.launcher: "50000", s.postmaster: "50000"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/timerslack_ns", p.PID))
		must(t, err)
		if got := strings.TrimSpace(string(b)); got != want {
			t.Errorf("timer slack of process %d is %s ns, want %s", p.PID, got, want)
		}
	}
}

func malformed(t *testing.T, l *lab) {
	s := l.start(t)
	for _, line := range []string{"", "arm", "arm x", "arm 0", "arm -5", "arm 1 2 3", "disarm 1 2", "kill now", "status 1", "wait 1", "shutdown", "ARM 5"} {
		if got := say(t, s.runDir, line)[0]; !strings.HasPrefix(got, `{"ok":false,"error":"`) {
			t.Errorf("%q answered %s, want an error", line, got)
		}
	}
	conn, err := net.Dial("unix", filepath.Join(s.runDir, deadman.SocketFile))
	must(t, err)
	defer conn.Close()
	_, _ = conn.Write([]byte(strings.Repeat("x", 100_000)))
	if !s.postmaster.Alive() {
		t.Error("postmaster ended by malformed commands")
	}
	_, err = s.client.Status(limited(t))
	must(t, err)
}

// pretendStranger prints what it is told by a launcher of another user.
func pretendStranger(runDir string) {
	conn, err := net.Dial("unix", filepath.Join(runDir, deadman.SocketFile))
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		os.Exit(0)
	}
	_, _ = fmt.Fprintln(conn, "kill")
	reply, _ := bufio.NewReader(conn).ReadString('\n')
	_, _ = fmt.Fprintln(os.Stdout, reply)
	os.Exit(0)
}

// Only root can become another user, so as an ordinary user this checks the mode of the socket alone.
func stranger(t *testing.T, l *lab) {
	s := l.start(t)
	socket := filepath.Join(s.runDir, deadman.SocketFile)
	info, err := os.Stat(socket)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("socket mode %v, want 0600", info.Mode())
	}
	if l.cred != nil {
		refusesStranger(t, s, socket)
	}
	if !s.postmaster.Alive() {
		t.Error("postmaster ended")
	}
}

func refusesStranger(t *testing.T, s *server, socket string) {
	t.Helper()
	for mode, want := range map[os.FileMode]string{0o600: "permission denied", 0o666: "may not command"} {
		must(t, os.Chmod(socket, mode))
		cmd := s.command(s.self)
		cmd.SysProcAttr.Credential = credentialOf(t, "nobody")
		cmd.Env = append(os.Environ(), "DEADMAN_TEST_STRANGER="+s.runDir)
		if got := output(t, cmd); !strings.Contains(got, want) {
			t.Errorf("socket mode %v: stranger was told %q, want %q", mode, got, want)
		}
	}
}
