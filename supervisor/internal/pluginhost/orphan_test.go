// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// hostMain runs a host for the spec and tells the plugin's process id; it never ends by itself.
func hostMain(raw string) int {
	var spec Spec
	if err := json.Unmarshal([]byte(raw), &spec); err != nil {
		return 1
	}
	h := New(slog.New(slog.DiscardHandler), spec)
	if err := h.Open(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(h.Status()[0].PID)
	select {}
}

// startHost runs hostMain in a process of its own and returns it and its plugin's process id.
func startHost(t *testing.T, spec Spec) (host *exec.Cmd, plugin int) {
	t.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	host = exec.Command(spec.Command)
	host.Env = append(os.Environ(), hostEnv+"="+string(raw))
	host.Stderr = os.Stderr
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Process.Kill(); _ = host.Wait() })
	if _, err := fmt.Fscan(bufio.NewReader(stdout), &plugin); err != nil {
		t.Fatal(err)
	}
	return host, plugin
}

func TestKilledHostTakesItsPluginsAlong(t *testing.T) {
	spec := fakeSpec(t, "children")
	file := filepath.Join(filepath.Dir(spec.Command), "child")
	spec.Env = append(spec.Env, "PGVIGIL_TEST_CHILD="+file)
	host, plugin := startHost(t, spec)
	child := readPID(t, file)
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	if err := host.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the plugin", func() bool { return gone(plugin) })
	if gone(child) {
		t.Fatal("the plugin's child is gone: nothing left to sweep")
	}
	openHost(t, spec)
	eventually(t, "end of the plugin's child", func() bool { return gone(child) })
}
