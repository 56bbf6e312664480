// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime is how long output is still read after the process ended, in case another process holds the pipe.
const drainTime = 500 * time.Millisecond

// process is a plugin process, and the runner go-plugin sees. It leads a process group; whatever is in that
// group when it ends is killed before it is reaped, so that the number cannot have been used again.
type process struct {
	spec    Spec
	spawner *spawner
	cmd     *exec.Cmd
	journal *journal

	// handshake carries the first line of stdout to go-plugin.
	handshake       *io.PipeReader
	handshakeWriter *io.PipeWriter
	outputs         sync.WaitGroup

	// exited is closed when the process is reaped, drained when its output is read, too.
	exited  chan struct{}
	drained chan struct{}

	mu     sync.Mutex
	pid    int
	doomed bool // killed by the host, or to be
	reaped bool
	state  string
}

// newProcess prepares the process; its environment is set when go-plugin has made its part of it.
func newProcess(s Spec, path string, sp *spawner, j *journal) *process {
	r, w := io.Pipe()
	cmd := exec.Command(path, s.Args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return &process{
		spec: s, spawner: sp, cmd: cmd, journal: j,
		handshake: r, handshakeWriter: w,
		exited: make(chan struct{}), drained: make(chan struct{}),
	}
}

// Start starts the process on the spawner's thread, with /dev/null as its stdin.
func (p *process) Start(ctx context.Context) error {
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("stdout of plugin: %w", err)
	}
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("stderr of plugin: %w", err), stdout.Close(), stdoutWriter.Close())
	}
	p.cmd.Stdout, p.cmd.Stderr = stdoutWriter, stderrWriter
	err = p.spawner.start(ctx, p.cmd)
	_, _ = stdoutWriter.Close(), stderrWriter.Close()
	if err != nil {
		_, _ = stdout.Close(), stderr.Close()
		return fmt.Errorf("start of %s: %w", p.cmd.Path, err)
	}
	doomed := p.started()
	p.outputs.Go(func() { p.readStdout(stdout) })
	p.outputs.Go(func() { p.readStderr(stderr) })
	go p.reap(stdout, stderr)
	if doomed {
		return errors.Join(context.Canceled, p.Kill(ctx), p.handshake.Close())
	}
	if err := recordGroup(p.spec.socketDir(), p.pid); err != nil {
		return errors.Join(err, p.Kill(ctx), p.handshake.Close())
	}
	return nil
}

// started notes the process id, and tells whether the process was killed before it had one.
func (p *process) started() (doomed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid = p.cmd.Process.Pid
	p.journal.started(p.pid)
	return p.doomed
}

// readStdout hands the first line to go-plugin and logs the rest, which should not be there.
func (p *process) readStdout(stdout *os.File) {
	first, rest := &firstLine{to: p.handshakeWriter}, p.journal.stream()
	_, _ = io.Copy(io.MultiWriter(first, skipLine{first, rest}), stdout)
	first.end()
	rest.end()
	_ = p.handshakeWriter.Close()
}

func (p *process) readStderr(stderr *os.File) {
	lines := p.journal.stream()
	_, _ = io.Copy(lines, stderr)
	lines.end()
}

// reap waits for the end, kills what the process left in its group, and collects its state.
func (p *process) reap(outputs ...*os.File) {
	waitForExit(p.pid)
	p.mu.Lock()
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	_ = p.cmd.Wait()
	p.reaped = true
	p.state = p.cmd.ProcessState.String()
	if p.doomed && killed(p.cmd.ProcessState) {
		p.state = "killed by the supervisor"
	}
	p.mu.Unlock()
	close(p.exited)
	p.journal.hurry()
	for _, f := range outputs {
		_ = f.SetReadDeadline(time.Now().Add(drainTime))
	}
	p.outputs.Wait()
	for _, f := range outputs {
		_ = f.Close()
	}
	p.journal.flush()
	close(p.drained)
}

func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// waitForExit returns when the process has ended, and leaves it as a zombie.
func waitForExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Wait waits for the end of the process and of its output.
func (p *process) Wait(context.Context) error {
	<-p.drained
	return nil
}

// Kill kills the process and its group. It does not wait.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	if p.pid == 0 || p.reaped {
		return nil
	}
	if err := unix.Kill(-p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill of process group %d: %w", p.pid, err)
	}
	return nil
}

// Stdout is the handshake line and nothing else.
func (p *process) Stdout() io.ReadCloser { return p.handshake }

// Stderr is empty: go-plugin's own reader can be made to panic by what a plugin prints.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(emptyReader{}) }

// Name is the binary.
func (p *process) Name() string { return p.cmd.Path }

// ID is the process id; empty before the start.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return ""
	}
	return strconv.Itoa(p.pid)
}

// Diagnose adds nothing: the journal's tail tells more.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost refuses every address but a Unix socket in the plugin's own directory.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return checkAddress(p.spec.socketDir(), network, address)
}

// HostToPlugin is the identity: both live in one file system.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// exitState is the state of the ended process, such as "exit status 1"; empty while it runs.
func (p *process) exitState() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
