// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// A sleeping process is seen to sleep through; not one that woke in between, is stopped, or has a SIGHUP to take.
func TestSleptThrough(t *testing.T) {
	// A shell traps no signal that it was started with ignored; one that we catch it gets with the default action.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	cmd := exec.Command("sh", "-c", `trap 'echo up' HUP; echo ready; while :; do sleep 60 & wait $!; done`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	defer func() { _ = syscall.Kill(-pid, syscall.SIGKILL); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	lines.Scan()
	asleep := awaitNap(t, pid, func(n Nap) bool { return n.Asleep })
	if now, err := LookAt(pid); err != nil || !SleptThrough(asleep, now) {
		t.Errorf("asleep %v, then %v, %v", asleep, now, err)
	}
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	awaitNap(t, pid, func(n Nap) bool { return !n.Asleep })
	_ = syscall.Kill(pid, syscall.SIGHUP)
	stopped := awaitNap(t, pid, func(n Nap) bool { return n.Hangup })
	if SleptThrough(asleep, stopped) || SleptThrough(stopped, stopped) {
		t.Errorf("a stopped process with a SIGHUP to take passes for asleep: %v", stopped)
	}
	_ = syscall.Kill(pid, syscall.SIGCONT)
	lines.Scan()
	if woke := awaitNap(t, pid, func(n Nap) bool { return n.Asleep && !n.Hangup }); SleptThrough(asleep, woke) {
		t.Errorf("a process that woke passes for asleep: %v, %v", asleep, woke)
	}
}

func awaitNap(t *testing.T, pid int, wanted func(Nap) bool) Nap {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		n, err := LookAt(pid)
		if err == nil && wanted(n) {
			return n
		}
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("process never looked as wanted: %v, %v", n, err)
		}
	}
}
