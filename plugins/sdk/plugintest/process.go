// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/pgvigil/pgvigil/proto/handshake"
	"google.golang.org/grpc"
)

// startTimeout bounds the time from the start of a plugin to its handshake, on a busy machine.
const startTimeout = 20 * time.Second

// Binary starts the plugin binary at path as a supervisor would, with AutoMTLS, and connects to it. When
// the test ends it is shut down.
func Binary(t testing.TB, path string) *grpc.ClientConn {
	t.Helper()
	return (&Process{Path: path, AutoMTLS: true}).Start(t)
}

// Build compiles the main package pkg, such as ".", and returns the path of the binary. It lies in a
// directory that every user can enter.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(Dir(t), "pgvigil-plugin-under-test")
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("build of %s: %v\n%s", pkg, err, out)
	}
	return path
}

// Process is a plugin binary that runs.
type Process struct {
	// Path of the binary.
	Path string
	// AutoMTLS has the connection encrypted with keys made for it.
	AutoMTLS bool
	// Env is added to an environment of PATH alone.
	Env []string

	client *plugin.Client
	cmd    *exec.Cmd
	stderr buffer
}

// Start starts the process and connects to it. When the test ends it is shut down, and its stderr is
// shown if the test failed.
func (p *Process) Start(t testing.TB) *grpc.ClientConn {
	t.Helper()
	p.cmd = exec.Command(p.Path)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), plugin.EnvUnixSocketDir + "=" + Dir(t)}, p.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p.client = plugin.NewClient(p.config())
	t.Cleanup(func() { p.end(t) })
	protocol, err := p.client.Client()
	if err != nil {
		t.Fatalf("start of %s: %v\nstderr: %s", p.Path, err, p.Stderr())
	}
	return protocol.(*plugin.GRPCClient).Conn
}

// Kill kills the process as kill -9 does and waits until it is gone.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	Eventually(t, "killed plugin is gone", p.client.Exited)
}

// Signal sends the process a signal.
func (p *Process) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal %v to the plugin: %v", sig, err)
	}
}

// PID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited tells whether the process has ended.
func (p *Process) Exited() bool { return p.client.Exited() }

// Stderr is what the process wrote there so far.
func (p *Process) Stderr() string { return p.stderr.String() }

func (p *Process) config() *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  handshake.ProtocolVersion,
			MagicCookieKey:   handshake.CookieKey,
			MagicCookieValue: handshake.CookieValue,
		},
		Plugins:          plugin.PluginSet{handshake.PluginName: nil},
		Cmd:              p.cmd,
		SkipHostEnv:      true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         p.AutoMTLS,
		StartTimeout:     startTimeout,
		Stderr:           &p.stderr,
		Logger:           hclog.NewNullLogger(),
	}
}

func (p *Process) end(t testing.TB) {
	p.client.Kill()
	if t.Failed() {
		t.Logf("stderr of %s:\n%s", filepath.Base(p.Path), p.Stderr())
	}
}

// buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
