// SPDX-License-Identifier: Apache-2.0

// Command pgvigil operates a PostgreSQL cluster kept highly available by pgvigil's supervisors; see package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/term"

	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
)

// version is set by the linker in released builds.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	app := &cli.App{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Environ: os.Environ(),
		InTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		Version:     built(),
		ServeDCS:    serveDCS,
		Drop:        daemon.DropPrivileges,
	}
	code := app.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// built is the version of this binary: as linked in, else as the module system knows it.
func built() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
