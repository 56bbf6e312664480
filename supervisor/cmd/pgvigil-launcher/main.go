// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-launcher is the parent of PostgreSQL and its deadman.
//
//	pgvigil-launcher --run-dir DIR --data-dir PGDATA [--log FILE] -- /path/to/postgres -D PGDATA …
//	pgvigil-launcher --request FILE
//
// It is started by the postgres plugin, or by systemd, for which the plugin leaves the command line in a file, and
// commanded through a socket in the run directory; see package deadman. It exits with the postmaster's exit code, 128 plus
// the signal that ended the postmaster, 1 if it could not start it, 2 on wrong usage. With --log, standard error carries the
// reason why PostgreSQL was not started and is closed once it was.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman/launcher"
)

const (
	exitFailure = 1
	exitUsage   = 2

	// The heap is a few hundred kilobytes; the default would let it grow to four megabytes before looking at it.
	gcPercent = 20
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	debug.SetGCPercent(gcPercent)
	runtime.GOMAXPROCS(1) // a line every now and then: a second processor would mostly wake up to find nothing
	manager := launcher.TakeManager()
	cfg, err := configure(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if errors.Is(err, errRehearsal) {
		manager.Started()
		return 0
	}
	if err != nil {
		return fail(manager, err, exitUsage)
	}
	cfg.Started = manager.Started
	exit, err := launcher.New(cfg).Run()
	if err != nil {
		return fail(manager, err, exitFailure)
	}
	return code(exit)
}

func fail(manager launcher.Manager, err error, code int) int {
	fmt.Fprintf(os.Stderr, "pgvigil-launcher: %v\n", err)
	manager.Failed(err)
	return code
}

func configure(args []string) (launcher.Config, error) {
	cfg := launcher.Config{Output: os.Stderr}
	fs := flag.NewFlagSet("pgvigil-launcher", flag.ContinueOnError)
	fs.StringVar(&cfg.RunDir, "run-dir", "", "directory of the control socket and the state files")
	fs.StringVar(&cfg.DataDir, "data-dir", "", "PostgreSQL's data directory")
	request := fs.String("request", "", "take the command line out of this file instead")
	logFile := fs.String("log", "", "append PostgreSQL's output and our own to this file instead of standard error")
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	if *request != "" {
		return requested(*request)
	}
	cfg.Command = fs.Args()
	if *logFile != "" {
		f, err := os.OpenFile(*logFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return cfg, fmt.Errorf("log file: %w", err)
		}
		cfg.Output = f
	}
	cfg.Log = slog.New(slog.NewTextHandler(launcher.NewDropWriter(cfg.Output), nil))
	return cfg, nil
}

var errRehearsal = errors.New("nothing is to be started")

func requested(path string) (launcher.Config, error) {
	r, err := launcher.TakeRequest(path)
	if err != nil {
		return launcher.Config{}, err
	}
	if len(r.Args) == 0 {
		return launcher.Config{}, errRehearsal
	}
	for _, e := range r.Env {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			return launcher.Config{}, fmt.Errorf("request %s: %w", path, err)
		}
	}
	return configure(r.Args)
}

func code(exit deadman.Exit) int {
	if exit.Signal != 0 {
		return 128 + exit.Signal
	}
	return exit.ExitCode
}
