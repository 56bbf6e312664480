// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// grace is how long a cancelled program may take to end by itself.
const grace = 2 * time.Second

// Run runs cmd to its end as the leader of a process group. When ctx ends first the group gets SIGTERM,
// then SIGKILL, and the error wraps that of ctx; when this process dies, cmd is killed. An unsuccessful
// end is an error with the last line the program wrote to standard error, which line also gets line by
// line unless it is nil.
func Run(ctx context.Context, cmd *exec.Cmd, line func(string)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	out := &lines{each: line}
	cmd.Stderr = out
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.WaitDelay = time.Second
	started, ended := make(chan error, 1), make(chan error, 1)
	go keep(cmd, started, ended)
	if err := <-started; err != nil {
		return fmt.Errorf("start of %s: %w", filepath.Base(cmd.Path), err)
	}
	err := await(ctx, cmd, ended)
	out.flush()
	return describe(cmd, err, out)
}

// keep starts and awaits cmd on one thread that lives as long as cmd: the parent death signal follows
// the thread that forked, not the process.
func keep(cmd *exec.Cmd, started, ended chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		ended <- cmd.Wait()
	}
}

func await(ctx context.Context, cmd *exec.Cmd, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	insist := time.AfterFunc(grace, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer insist.Stop()
	return errors.Join(context.Cause(ctx), <-ended)
}

func describe(cmd *exec.Cmd, err error, out *lines) error {
	if err == nil {
		return nil
	}
	name := filepath.Base(cmd.Path)
	var exit *exec.ExitError
	if errors.As(err, &exit) && out.last() != "" {
		return fmt.Errorf("%s: %s (%w)", name, out.last(), err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Output runs cmd like Run and returns what it wrote to standard output.
func Output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var b bytes.Buffer
	cmd.Stdout = &b
	err := Run(ctx, cmd, nil)
	return b.Bytes(), err
}

var _ io.Writer = (*lines)(nil)

// lines cuts what is written into lines, also at carriage returns, and keeps the last that says why.
type lines struct {
	each func(string)
	part []byte
	tail string
	why  string
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	for _, c := range p {
		if c == '\n' || c == '\r' {
			l.flush()
		} else if len(l.part) < 4096 {
			l.part = append(l.part, c)
		}
	}
	return len(p), nil
}

func (l *lines) flush() {
	s := strings.TrimSpace(string(l.part))
	l.part = l.part[:0]
	if s == "" {
		return
	}
	l.tail = s
	if reason(s) {
		l.why = s
	}
	if l.each != nil {
		l.each(s)
	}
}

func reason(s string) bool {
	for _, mark := range []string{"error: ", "fatal: ", "FATAL: ", "PANIC: ", "ERROR: "} {
		if strings.Contains(s, mark) {
			return true
		}
	}
	return false
}

// last is the last line that names a reason, or else the last line.
func (l *lines) last() string {
	if l.why != "" {
		return l.why
	}
	return l.tail
}
