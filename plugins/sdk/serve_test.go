// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	plugin "github.com/hashicorp/go-plugin"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// startNoisy starts the test binary as the noisy plugin.
func startNoisy(t *testing.T, autoMTLS bool) (*plugintest.Process, *grpc.ClientConn) {
	t.Helper()
	p := &plugintest.Process{Path: os.Args[0], AutoMTLS: autoMTLS, Env: []string{roleEnv + "=noisy"}}
	return p, p.Start(t)
}

func stopPlugin(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	if _, err := pluginv1.NewBaseClient(conn).Stop(t.Context(), &pluginv1.StopRequest{}); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// TestOutput: whatever a plugin and its children print arrives on stderr, and programs it starts do not
// inherit ignored signals.
func TestOutput(t *testing.T) {
	// What the tests were started with ignored (nohup) a plugin handles all the same: let it be handled here too.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP, syscall.SIGINT)
	t.Cleanup(func() { signal.Stop(handled) })
	for _, autoMTLS := range []bool{true, false} {
		t.Run(fmt.Sprintf("mtls_%t", autoMTLS), func(t *testing.T) {
			p, conn := startNoisy(t, autoMTLS)
			plugintest.Configure(t, conn, nil, plugintest.Host(t, "m1"))
			for _, want := range []string{
				"before Serve\n", "by fmt\n", "by stderr\n", "by descriptor\n", `"msg":"by logger"`,
				"SigBlk:\t0000000000000000\n", ownIgnored(t),
			} {
				plugintest.Eventually(t, want+" on stderr", func() bool { return strings.Contains(p.Stderr(), want) })
			}
		})
	}
}

// ownIgnored is the line of /proc/self/status about ignored signals: what whoever started the tests ignores, children
// inherit.
func ownIgnored(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "SigIgn:") {
			return line
		}
	}
	t.Fatal("no SigIgn in /proc/self/status")
	return ""
}

// TestPanicInProcess: the process lives on after a panic, and the stack is one JSON line.
func TestPanicInProcess(t *testing.T) {
	p, conn := startNoisy(t, true)
	plugintest.Configure(t, conn, nil, plugintest.Host(t, "m1"))
	for range 2 {
		_, err := pluginv1.NewDCSClient(conn).Read(t.Context(), &pluginv1.ReadRequest{})
		if got := status.Code(err); got != codes.Internal {
			t.Fatalf("read: got %v, want %s", err, codes.Internal)
		}
	}
	plugintest.Eventually(t, "two logged panics", func() bool { return len(logged(p.Stderr(), "call panicked")) == 2 })
	for _, line := range logged(p.Stderr(), "call panicked") {
		if line["method"] != "/plugin.v1.DCS/Read" || line["panic"] != "no read today" || line["level"] != "ERROR" {
			t.Errorf("logged: %v", line)
		}
		if stack, _ := line["stack"].(string); !strings.Contains(stack, "noisy") {
			t.Errorf("stack does not lead to the culprit: %s", stack)
		}
	}
}

// logged are the JSON lines with this message.
func logged(stderr, message string) []map[string]any {
	var found []map[string]any
	for line := range strings.Lines(stderr) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
			found = append(found, fields)
		}
	}
	return found
}

// TestSignals: what reaches the whole group does not end a plugin before its supervisor wants it to.
func TestSignals(t *testing.T) {
	p, conn := startNoisy(t, true)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE} {
		p.Signal(t, sig)
	}
	plugintest.Configure(t, conn, nil, plugintest.Host(t, "m1"))
	stopPlugin(t, conn)
	p.Signal(t, syscall.SIGPIPE)
	if _, err := pluginv1.NewBaseClient(conn).Info(t.Context(), &pluginv1.InfoRequest{}); err != nil {
		t.Fatalf("after Stop and before a signal: %v", err)
	}
	p.Signal(t, syscall.SIGTERM)
	plugintest.Eventually(t, "end by SIGTERM after Stop", p.Exited)
}

// TestShutdown: a plugin that is shut down without Stop stops in order.
func TestShutdown(t *testing.T) {
	var p *plugintest.Process
	t.Run("process", func(t *testing.T) { p, _ = startNoisy(t, true) })
	if !strings.Contains(p.Stderr(), "stopped in order\n") {
		t.Errorf("not stopped in order:\n%s", p.Stderr())
	}
	if !p.Exited() {
		t.Error("still runs")
	}
}

// TestSupervisorDies: a plugin whose supervisor was killed ends by itself and takes its socket along.
func TestSupervisorDies(t *testing.T) {
	dir := plugintest.Dir(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=supervisor",
		handshake.CookieKey+"="+handshake.CookieValue, plugin.EnvUnixSocketDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("supervisor: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	pid := 0
	line, err := bufio.NewReader(out).ReadString('\n')
	if _, scan := fmt.Sscanf(line, "%d 1|1|unix|"+dir, &pid); err != nil || scan != nil || pid <= 1 {
		t.Fatalf("handshake %q: %v, %v", line, err, scan)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatalf("kill of the supervisor: %v", err)
	}
	_ = cmd.Wait()
	plugintest.Eventually(t, "plugin has ended", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestByHand: what a person sees who starts a plugin.
func TestByHand(t *testing.T) {
	tests := map[string]struct {
		role   string
		args   []string
		exit   int
		stdout string
		stderr string
	}{
		"nothing": {"noisy", nil, 1, "", "started by pgvigild"},
		"version": {"noisy", []string{"--version"}, 0, "pgvigil-plugin-noisy 1.0.0", ""},
		"schema":  {"noisy", []string{"--schema"}, 0, "{}", ""},
		"help":    {"noisy", []string{"--help"}, 0, `dcs "noisy" {`, ""},
		"junk":    {"noisy", []string{"--junk"}, 1, "", "--version"},
		"invalid": {"invalid", []string{"--version"}, 1, "", "no Configure function"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], test.args...)
			cmd.Env = append(os.Environ(), roleEnv+"="+test.role)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != test.exit {
				t.Errorf("exit status %d, want %d", got, test.exit)
			}
			if !strings.Contains(stdout.String(), test.stdout) || (test.stdout == "") != (stdout.Len() == 0) {
				t.Errorf("stdout %q, want %q", stdout.String(), test.stdout)
			}
			if !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("stderr %q, want %q", stderr.String(), test.stderr)
			}
		})
	}
}
