// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// Launcher runs one PostgreSQL, once.
type Launcher struct {
	cfg    Config
	record deadman.Record
	since  int64 // when the postmaster was forked

	kill *killTimer
	soft *softTimer
	srv  *server
	held []*os.File // locks on run directory and data directory

	commands chan command
	exits    chan ended
	empty    chan struct{}
	fired    chan struct{}
	signals  chan os.Signal

	armed  int64 // instant of the kill timer, 0 if not armed
	issued int64 // of the last arm or disarm applied
	end    ending
}

// New returns a launcher that has done nothing yet.
func New(cfg Config) *Launcher {
	return &Launcher{
		cfg:      cfg,
		commands: make(chan command),
		exits:    make(chan ended, 1),
		empty:    make(chan struct{}),
		fired:    make(chan struct{}, 1),
		signals:  make(chan os.Signal, 16),
	}
}

// Run starts PostgreSQL and returns when it has ended and no descendant is left. Call it from the goroutine that main
// runs in: its thread becomes PostgreSQL's parent and must live as long as the process. The process should end right
// after, with the exit's code.
func (l *Launcher) Run() (deadman.Exit, error) {
	runtime.LockOSThread() // never unlocked
	if err := l.start(); err != nil {
		return deadman.Exit{}, err
	}
	for !l.end.done {
		l.step()
	}
	return l.finish()
}

// start takes the directory, opens the socket and forks. The record is on file before the fork, so that Fence always
// knows whom to stop.
func (l *Launcher) start() error {
	if err := l.cfg.check(); err != nil {
		return err
	}
	held, err := lockRunDir(l.cfg.RunDir)
	if err != nil {
		return err
	}
	l.held = append(l.held, held)
	if err := l.prepare(); err != nil {
		return err
	}
	if err := l.fork(); err != nil {
		return errors.Join(err, removeFiles(l.cfg.RunDir))
	}
	if err := detach(l.cfg.Output); err != nil {
		l.cfg.Log.Warn("standard descriptors kept", "error", err)
	}
	go reap(l.record.PostmasterPID, l.exits, l.empty)
	go l.soft.run(l.fired)
	go l.srv.run()
	l.cfg.Started()
	return nil
}

// prepare does everything that can fail before PostgreSQL exists.
func (l *Launcher) prepare() error {
	if err := errors.Join(removeFiles(l.cfg.RunDir), remove(l.cfg.RunDir, deadman.ExitFile)); err != nil {
		return fmt.Errorf("clear run directory: %w", err)
	}
	if err := l.enterDataDir(); err != nil {
		return err
	}
	if err := adopt(); err != nil {
		return err
	}
	// Caught, not ignored: what is ignored stays ignored in PostgreSQL and its commands. SIGPIPE must not end us when the
	// reader of our log goes away.
	signal.Notify(l.signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGPIPE)
	var err error
	if l.kill, err = newKillTimer(); err != nil {
		return err
	}
	if l.soft, err = newSoftTimer(); err != nil {
		return err
	}
	if l.record, err = newRecord(l.cfg.DataDir); err != nil {
		return err
	}
	if err := writeJSON(l.cfg.RunDir, deadman.RecordFile, l.record); err != nil {
		return err
	}
	l.srv, err = listen(l.cfg.RunDir, l.commands)
	return err
}

func newRecord(dataDir string) (deadman.Record, error) {
	self, err := deadman.FindProcess(os.Getpid())
	if err != nil {
		return deadman.Record{}, fmt.Errorf("own identity: %w", err)
	}
	boot, err := deadman.BootID()
	if err != nil {
		return deadman.Record{}, err
	}
	return deadman.Record{PID: self.PID, StartTicks: self.StartTicks, DataDir: dataDir, BootID: boot}, nil
}

func (l *Launcher) fork() error {
	pid, err := spawn(l.cfg.Command, l.cfg.Output)
	if err != nil {
		return err
	}
	l.since = deadman.BootNow()
	l.record.PostmasterPID = pid
	if p, err := deadman.FindProcess(pid); err == nil {
		l.record.PostmasterStartTicks = p.StartTicks
	}
	l.cfg.Log.Info("postmaster started", "pid", pid, "data_dir", l.cfg.DataDir)
	if err := writeJSON(l.cfg.RunDir, deadman.RecordFile, l.record); err != nil {
		// Without a record nobody could fence it. It has no children yet, or dies as their parent.
		return errors.Join(err, unix.Kill(pid, unix.SIGKILL))
	}
	return nil
}

// step handles one event.
func (l *Launcher) step() {
	select {
	case c := <-l.commands:
		l.obey(c)
	case e := <-l.exits:
		l.postmasterEnded(e)
	case <-l.fired:
		l.deadline()
	case s := <-l.signals:
		l.forward(s)
	case <-l.end.timer():
		l.strike()
	case <-l.empty:
		l.end.done = true
	}
}

// finish leaves the books as the package comment of deadman promises them, answers those who wait, and disarms.
func (l *Launcher) finish() (deadman.Exit, error) {
	select { // the postmaster's end is told before the last child is gone, but the choice among ready channels is random
	case e := <-l.exits:
		l.postmasterEnded(e)
	default:
	}
	exit := l.end.exit
	exit.AtBoottimeNs, exit.Empty = deadman.BootNow(), true
	exit.PostmasterPID, exit.BootID = l.record.PostmasterPID, l.record.BootID
	err := errors.Join(l.setTimers(0), writeJSON(l.cfg.RunDir, deadman.ExitFile, exit), removeFiles(l.cfg.RunDir))
	for _, f := range l.held {
		f.Close() // the next launcher may come
	}
	for _, reply := range l.end.waiters {
		reply <- deadman.Reply{OK: true, Exit: &exit}
	}
	l.cfg.Log.Info("nothing left", "cause", exit.Cause, "exit_code", exit.ExitCode, "signal", exit.Signal)
	l.srv.close(exit, flushLimit)
	return exit, err
}

const flushLimit = 200 * time.Millisecond
