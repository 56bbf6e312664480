// SPDX-License-Identifier: Apache-2.0

// pgvigild is the supervisor of one PostgreSQL host.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
	"github.com/pgvigil/pgvigil/supervisor/internal/logging"
)

// version is set when packages are built.
var version = "0.1.0-dev"

func main() {
	allowLateTimers()
	debug.SetGCPercent(50)
	runtime.GOMAXPROCS(1) // little work in short bursts: a second processor would mostly wake up to find nothing
	err := command().Execute()
	if err != nil {
		complain(err)
	}
	os.Exit(daemon.ExitStatus(err))
}

// complain tells systemd, its journal or the terminal why the daemon ends. What is wrong with a configuration was printed already.
func complain(err error) {
	daemon.Ended(err)
	refused := errors.Is(err, daemon.ErrConfig)
	log, flush := logging.New(os.Stderr, "", slog.LevelInfo, "", "")
	defer flush()
	switch {
	case logging.ToJournal() && refused:
		log.Error("configuration refused", "error", err)
	case logging.ToJournal():
		log.Error("supervisor ends", "error", err)
	case !refused:
		fmt.Fprintln(os.Stderr, "pgvigild:", err)
	}
}

func command() *cobra.Command {
	var paths []string
	c := &cobra.Command{
		Use:   "pgvigild",
		Short: "Keep the PostgreSQL of this host part of a highly available cluster",
		Long: `pgvigild supervises the PostgreSQL instance of one host: it elects, fails over, fences and rejoins
together with the other members of the cluster.

SIGTERM and SIGINT hand the leadership over, stop PostgreSQL and end the daemon. SIGUSR1 ends the daemon and leaves
PostgreSQL running and the leadership in force, for a new daemon to resume before the TTL is over. SIGHUP has the
configuration read again: with any error in it the one in force stays, and what needs a restart is logged.

Exit status: 0 after SIGTERM, SIGINT or SIGUSR1, 78 when the configuration is refused, 6 when another supervisor has this
member's name, 1 otherwise.`,
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(*cobra.Command, []string) error { return run(paths) },
	}
	c.Flags().StringSliceVarP(&paths, "config", "c", []string{"/etc/pgvigil"}, "configuration `file` or directory")
	return c
}

func run(paths []string) error {
	cfg, diags := config.Load(paths...)
	if len(diags.List) > 0 {
		if err := diags.WriteText(os.Stderr, false); err != nil {
			return err
		}
	}
	if diags.HasErrors() {
		return daemon.Refused(diags)
	}
	if err := daemon.DropPrivileges(cfg.Server.User, cfg.RunDir, cfg.StateDir); err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	ctx, detach := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer detach()
	stop, ended := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer ended()
	level := new(slog.LevelVar)
	level.Set(cfg.Log.Level)
	log, flush := logging.New(os.Stderr, cfg.Log.Format, level, cfg.Cluster.Name, cfg.Cluster.Member)
	defer flush()
	d := &daemon.Daemon{
		Config: cfg, Version: version, Log: log, Level: level, Stop: stop.Done(),
		Reload: reload, Load: func() (*config.Config, *config.Diagnostics) { return config.Load(paths...) },
	}
	return d.Run(ctx)
}
