// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a program of a node that the lab itself started.
type process struct {
	// pid is the id on the node's host.
	pid int
	// send sends it a signal.
	send func(syscall.Signal) error
	done chan struct{}
	err  error
}

// launch starts a program of the node in the background, with its output appended to the log.
func (n *Node) launch(logName, program string, args ...string) (*process, error) {
	if n.virtual() {
		return n.launchInside(logName, program, args...)
	}
	return n.launchAs(n.cluster.id.Credential, logName, program, args...)
}

// launchAs is launch as another user, which a virtual machine does not know; nil is the caller's.
func (n *Node) launchAs(user *syscall.Credential, logName, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(n.path("log", logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command := exec.Command(program, args...)
	command.Dir, command.Stdout, command.Stderr = n.dir, out, out
	command.Env = n.environment()
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: user}
	if err := n.onHost(command.Start); err != nil {
		return nil, fmt.Errorf("start %s of %s: %w", program, n.Name, err)
	}
	pid := command.Process.Pid
	p := &process{pid: pid, send: func(sig syscall.Signal) error { return syscall.Kill(pid, sig) }, done: make(chan struct{})}
	go func() {
		p.err = command.Wait()
		close(p.done)
	}()
	return p, nil
}

// onHost runs f where it sees the node's network and uptime.
func (n *Node) onHost(f func() error) error {
	return inNamespace(n.cluster.network.namespace(n.index), func() error {
		if n.cluster.options.Netns {
			if err := uptime(time.Duration(n.index) * uptimeStep); err != nil {
				return err
			}
		}
		return f()
	})
}

func (n *Node) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.cluster.id.Home, "USER=" + n.cluster.id.Name, "LANG=C.UTF-8"}
	return append(env, n.Env...)
}

// running tells whether the process has not ended yet. A nil process has.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

var errNotRunning = errors.New("not running")

func (p *process) signal(sig syscall.Signal) error {
	if !p.running() {
		return errNotRunning
	}
	return p.send(sig)
}

// kill sends SIGKILL and waits until the process is gone. Killing what does not run is no error.
func (p *process) kill() error {
	if !p.running() {
		return nil
	}
	sent := p.send(syscall.SIGKILL) // which fails when the process, or its whole host, has just ended
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		return errors.Join(sent, fmt.Errorf("process %d outlived SIGKILL by 10 s", p.pid))
	}
}

// end asks the process to end and kills it when it has not after the patience.
func (p *process) end(patience time.Duration) error {
	if err := p.signal(syscall.SIGTERM); errors.Is(err, errNotRunning) {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		return p.kill()
	}
}
