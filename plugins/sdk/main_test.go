// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// roleEnv makes the test binary play another part than running tests.
const roleEnv = "SDK_TEST_ROLE"

// TestMain lets the test binary be the plugin that the tests start, or a supervisor that can be killed.
func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "noisy":
		fmt.Fprintln(os.Stderr, "before Serve")
		sdk.Serve(noisy())
	case "invalid":
		sdk.Serve(sdk.Plugin{Name: "Invalid!"})
	case "supervisor":
		os.Exit(supervise())
	}
	os.Exit(m.Run())
}

// noisy is a plugin that prints on stdout in every way there is, and panics when read.
func noisy() sdk.Plugin {
	p := (&scripted{read: func(context.Context) error { panic("no read today") }}).plugin()
	p.Name = "noisy"
	p.Configure = func(context.Context, sdk.Config) []*pluginv1.Diagnostic {
		fmt.Println("by fmt")
		fmt.Fprintln(os.Stderr, "by stderr")
		_, _ = syscall.Write(1, []byte("by descriptor\n"))
		child := exec.Command("grep", "-E", "SigIgn|SigBlk", "/proc/self/status")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Run(); err != nil {
			return []*pluginv1.Diagnostic{sdk.Errorf(nil, "child failed", "%v.", err)}
		}
		sdk.Logger().Info("by logger")
		return nil
	}
	p.Stop = func(context.Context) error { fmt.Println("stopped in order"); return nil }
	return p
}

// supervise starts a plugin by hand, prints its process id and its handshake, and waits to be killed.
func supervise() int {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=noisy")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return 1
	}
	line := make([]byte, 512)
	n, err := out.Read(line)
	if err != nil {
		return 1
	}
	fmt.Printf("%d %s", cmd.Process.Pid, line[:n])
	_ = cmd.Wait()
	return 0
}
