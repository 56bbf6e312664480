// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// pretendHidden is a process whose working directory its own user may not read, as that of a login session.
func pretendHidden() {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintln(os.Stdout, "hidden")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until the test goes away
	os.Exit(0)
}

// pretendJudge says what Empty says.
func pretendJudge(dir string) {
	empty, err := deadman.Empty(dir)
	_, _ = fmt.Fprintf(os.Stdout, "empty %v unknown %v", empty, errors.Is(err, deadman.ErrUnknown))
	os.Exit(0)
}

// hidden: a process that may not be looked into is an uncertainty if it could be a server, and none otherwise.
func hidden(t *testing.T, l *lab) {
	for name, want := range map[string]string{
		"sshd-session": "empty true unknown false",
		"postgres":     "empty false unknown true",
	} {
		program := filepath.Join(l.root, name)
		must(t, os.Link(l.self, program))
		stop := l.startHidden(t, program)
		judge := l.command(l.self)
		judge.Env = append(os.Environ(), "DEADMAN_TEST_JUDGE="+l.dataDir)
		if got := output(t, judge); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		stop()
	}
}

func (l *lab) startHidden(t *testing.T, program string) (stop func()) {
	t.Helper()
	cmd := l.command(program)
	cmd.Env = append(os.Environ(), "DEADMAN_TEST_HIDDEN=1")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	if !strings.HasPrefix(line, "hidden") {
		t.Fatalf("hidden process said %q", line)
	}
	return func() { in.Close(); ignoreExit(cmd) }
}

func ignoreExit(cmd *exec.Cmd) { _ = cmd.Wait() }

// wrongUser: another ordinary user may not see all processes, so it gets no proof.
func wrongUser(t *testing.T, l *lab) {
	if os.Geteuid() != 0 {
		if _, err := deadman.Empty("/"); !errors.Is(err, deadman.ErrUnknown) {
			t.Errorf("directory of root: %v, want ErrUnknown", err)
		}
		return
	}
	judge := l.command(l.self)
	judge.SysProcAttr.Credential = credentialOf(t, "nobody")
	judge.Env = append(os.Environ(), "DEADMAN_TEST_JUDGE="+l.dataDir)
	if got := output(t, judge); got != "empty false unknown true" {
		t.Errorf("another user was told %q", got)
	}
}
