// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// slack is how long after the armed instant the last process may be seen. The promise is 150 ms, on a machine with a CPU to
// spare; the tests share theirs. It is still far from the five seconds in which PostgreSQL would help itself.
const slack = 600 * time.Millisecond

func TestMain(m *testing.M) {
	// The tests need other processes to be, and become them.
	for name, become := range map[string]func(string){
		"DEADMAN_TEST_DAEMON":   pretendDaemon,
		"DEADMAN_TEST_STRANGER": pretendStranger,
		"DEADMAN_TEST_JUDGE":    pretendJudge,
		"DEADMAN_TEST_HIDDEN":   func(string) { pretendHidden() },
	} {
		if arg := os.Getenv(name); arg != "" {
			become(arg)
		}
	}
	os.Exit(m.Run())
}

// TestDeadman runs on real PostgreSQL, once per installation.
func TestDeadman(t *testing.T) {
	for _, binDir := range binDirs(t) {
		t.Run(strconv.Itoa(major(binDir)), func(t *testing.T) {
			l := newLab(t, binDir)
			for _, story := range stories() {
				t.Run(story.name, func(t *testing.T) { story.run(t, l) })
			}
		})
	}
}

type story struct {
	name string
	run  func(t *testing.T, l *lab)
}

func stories() []story {
	return []story{
		{"armed, nobody moves it", deadlineWithLauncherAlive},
		{"armed, launcher stopped", deadlineWithLauncherStopped},
		{"armed, launcher and postmaster stopped", deadlineWithBothStopped},
		{"armed, launcher stopped, backend stopped", deadlineWithBackendStopped},
		{"armed in the past", deadlineInThePast},
		{"armed by a daemon that is killed", daemonKilled},
		{"re-armed", rearmed},
		{"a launcher after another", nextLauncher},
		{"timer slack", timerSlack},
		{"disarmed", disarmed},
		{"commands out of order", outOfOrder},
		{"commands that waited for a stopped launcher", waitedCommands},
		{"malformed commands", malformed},
		{"another user", stranger},
		{"postmaster killed under load", postmasterKilled},
		{"kill", killCommand},
		{"kill, postmaster and backend stopped", killStopped},
		{"orphans of commands", orphans},
		{"fast shutdown by signal", fastShutdown},
		{"postmaster that cannot start", cannotStart},
		{"standard error is given back", detached},
		{"second launcher", secondLauncher},
		{"stale lock file", staleLock},
		{"start over survivors", survivors},
		{"fence", fence},
		{"fence, postmaster stopped", fencePostmasterStopped},
		{"fence, launcher killed", fenceLauncherKilled},
		{"fence, launcher and postmaster killed", fenceOrphanedBackends},
		{"fence, everything stopped", fenceAllStopped},
		{"fence, record lost", fenceRecordLost},
		{"fence, nothing running", fenceNothing},
		{"bystander in the data directory", bystander},
		{"data directory under another name", otherName},
		{"process that may not be looked into", hidden},
		{"proof for another user", wrongUser},
		{"watch", watch},
	}
}

// The launcher has 100 ms to act ahead of the kernel, which on a busy machine may not be enough every time.
func deadlineWithLauncherAlive(t *testing.T, l *lab) {
	for range 5 {
		if actsAhead(t, l.start(t)) {
			return
		}
	}
	t.Error("the kernel was ahead of the launcher every time")
}

// actsAhead arms a healthy launcher and reports whether it ended PostgreSQL itself, in time and with a record.
func actsAhead(t *testing.T, s *server) bool {
	t.Helper()
	load := s.load(t, 2)
	at := in(500 * time.Millisecond)
	must(t, s.client.Arm(limited(t), at))
	gone := s.goneAt(t)
	t.Logf("gone %v after the instant", time.Duration(gone-at))
	if late := time.Duration(gone - at); late > slack {
		t.Errorf("gone %v after the instant, want %v at most", late, slack)
	}
	first := at - int64(deadman.SoftLead)
	if asked := load.lastAsked(); asked < first-int64(slack/2) {
		t.Errorf("last commit asked for %v before the instant: ended early", time.Duration(at-asked))
	}
	eventually(t, "the launcher is gone", func() bool { return !s.launcher.Alive() })
	e, err := deadman.ReadExit(s.runDir)
	if err != nil {
		return false
	}
	if e.Cause != deadman.CauseDeadline || !e.Empty || e.AtBoottimeNs < first {
		t.Errorf("exit %+v, want cause deadline, empty, and not before %d", e, first)
	}
	return true
}

// endsInTime arms, does something to the processes, and checks that all are gone at the instant.
func endsInTime(t *testing.T, s *server, do func(load *load)) {
	t.Helper()
	load := s.load(t, 2)
	at := in(1200 * time.Millisecond)
	must(t, s.client.Arm(limited(t), at))
	do(load)
	reach(at - int64(50*time.Millisecond))
	if !load.busy.Alive() {
		t.Error("ended before the instant")
	}
	gone := s.goneAt(t)
	t.Logf("gone %v after the instant, %d commits acknowledged", time.Duration(gone-at), load.acks.Load())
	if late := time.Duration(gone - at); late > slack {
		t.Errorf("gone %v after the instant, want %v at most", late, slack)
	}
	if asked := load.lastAsked(); asked > at+int64(slack) {
		t.Errorf("a commit asked for %v after the instant was acknowledged", time.Duration(asked-at))
	}
}

func deadlineWithLauncherStopped(t *testing.T, l *lab) {
	s := l.start(t)
	endsInTime(t, s, func(*load) { s.stop(t, s.launcher) })
}

// The case that PR_SET_PDEATHSIG alone does not cover: the postmaster is there but will not read its signals.
func deadlineWithBothStopped(t *testing.T, l *lab) {
	s := l.start(t)
	endsInTime(t, s, func(*load) { s.stop(t, s.postmaster, s.launcher) })
}

// A stopped backend keeps the postmaster waiting for its five seconds, but does no work and dies of SIGQUIT when continued.
func deadlineWithBackendStopped(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	at := in(300 * time.Millisecond)
	must(t, s.client.Arm(limited(t), at))
	s.stop(t, load.busy, s.launcher)
	eventually(t, "only the stopped backend and its postmaster are left", func() bool {
		ps, err := deadman.Occupants(s.dataDir)
		return err == nil && len(ps) <= 3 && !s.launcher.Alive()
	})
	s.signal(t, unix.SIGCONT, load.busy)
	s.goneAt(t)
	if asked := load.lastAsked(); asked > at+int64(slack) {
		t.Errorf("a commit asked for %v after the instant was acknowledged", time.Duration(asked-at))
	}
}

func deadlineInThePast(t *testing.T, l *lab) {
	s := l.start(t)
	at := deadman.BootNow() - int64(time.Second)
	armed := deadman.BootNow()
	_ = s.client.Arm(limited(t), at) // killed before it can answer
	late := time.Duration(s.goneAt(t) - armed)
	t.Logf("gone %v after arming", late)
	if late > slack {
		t.Errorf("gone %v after arming, want %v at most", late, slack)
	}
}

// pretendDaemon renews as a daemon would, and never ends by itself.
func pretendDaemon(runDir string) {
	c := &deadman.Client{RunDir: runDir}
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := c.Arm(ctx, in(600*time.Millisecond)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		cancel()
	}
}

func daemonKilled(t *testing.T, l *lab) {
	s := l.start(t)
	daemon := l.command(l.self)
	daemon.Env = append(os.Environ(), "DEADMAN_TEST_DAEMON="+s.runDir)
	must(t, daemon.Start())
	reach(in(time.Second)) // longer than one promise: it does renew
	must(t, daemon.Process.Kill())
	_ = daemon.Wait()
	st, err := s.client.Status(limited(t))
	must(t, err)
	if gone := s.goneAt(t); gone > st.ArmedUntilNs+int64(slack) {
		t.Errorf("gone %v after the last instant armed", time.Duration(gone-st.ArmedUntilNs))
	}
}

func rearmed(t *testing.T, l *lab) {
	s := l.start(t)
	first := in(300 * time.Millisecond)
	must(t, s.client.Arm(limited(t), first))
	second := in(900 * time.Millisecond)
	must(t, s.client.Arm(limited(t), second))
	reach(first + int64(200*time.Millisecond))
	if !s.postmaster.Alive() {
		t.Fatal("ended at the first instant although it had been moved")
	}
	if gone := s.goneAt(t); gone > second+int64(slack) {
		t.Errorf("gone %v after the second instant", time.Duration(gone-second))
	}
}

func disarmed(t *testing.T, l *lab) {
	s := l.start(t)
	at := in(300 * time.Millisecond)
	must(t, s.client.Arm(limited(t), at))
	must(t, s.client.Disarm(limited(t)))
	reach(at + int64(200*time.Millisecond))
	st, err := s.client.Status(limited(t))
	must(t, err)
	if !s.postmaster.Alive() || st.ArmedUntilNs != 0 || !st.Running || st.Children < 2 || st.UptimeNs <= 0 {
		t.Errorf("status %+v, postmaster alive %v; want disarmed and running", st, s.postmaster.Alive())
	}
}

func postmasterKilled(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 4)
	killed := deadman.BootNow()
	s.signal(t, unix.SIGKILL, s.postmaster)
	e := s.exit(t)
	if s.occupied(t) || load.busy.Alive() {
		t.Error("recorded as empty with processes left")
	}
	if asked := load.lastAsked(); asked >= e.AtBoottimeNs {
		t.Errorf("a commit asked for %v after the record was acknowledged", time.Duration(asked-e.AtBoottimeNs))
	}
	if e.Signal != int(unix.SIGKILL) || e.ExitCode != -1 || e.Cause != deadman.CausePostmaster || !e.Empty {
		t.Errorf("exit %+v, want signal 9 and empty", e)
	}
	if code := <-s.exitCode; code != 128+9 {
		t.Errorf("launcher's exit code %d, want 137", code)
	}
	_, err := s.client.Status(limited(t))
	if !errors.Is(err, deadman.ErrNoLauncher) {
		t.Errorf("status afterwards: %v, want ErrNoLauncher", err)
	}
	t.Logf("empty %v after kill -9", time.Duration(e.AtBoottimeNs-killed))
}

func killCommand(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	must(t, s.client.Kill(limited(t)))
	if s.occupied(t) || load.busy.Alive() {
		t.Error("kill answered with processes left")
	}
	if e, err := deadman.ReadExit(s.runDir); err != nil || e.Cause != deadman.CauseKill {
		t.Errorf("exit %+v, %v; want cause kill", e, err)
	}
}

func killStopped(t *testing.T, l *lab) {
	s := l.start(t)
	load := s.load(t, 2)
	s.stop(t, s.postmaster, load.busy)
	must(t, s.client.Kill(limited(t)))
	if s.occupied(t) || load.busy.Alive() {
		t.Error("kill answered with processes left")
	}
}

func fastShutdown(t *testing.T, l *lab) {
	s := l.start(t)
	waited := make(chan deadman.Exit, 1)
	go func() {
		e, err := s.client.Wait(limited(t))
		if err != nil {
			t.Error(err)
		}
		waited <- e
	}()
	s.signal(t, unix.SIGTERM, s.launcher)
	if e := <-waited; e.ExitCode != 0 || e.Signal != 0 || e.Cause != deadman.CausePostmaster {
		t.Errorf("exit %+v, want code 0", e)
	}
	if code := <-s.exitCode; code != 0 {
		t.Errorf("launcher's exit code %d, want 0", code)
	}
	state := output(t, l.command(l.binDir+"/pg_controldata", l.dataDir))
	if want := "shut down"; !contains(state, "Database cluster state:", want) {
		t.Errorf("not shut down cleanly:\n%s", state)
	}
}
