// SPDX-License-Identifier: Apache-2.0

// Package cli is the command pgvigil: what operators type. It is a client of the supervisors' REST interface, and
// it runs the parts that need no supervisor: checking configurations, the embedded DCS, the demo.
//
// Data goes to standard output, talk to standard error.
package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// App is what a command line runs in.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv reads the environment, Environ is all of it.
	Getenv  func(string) string
	Environ []string
	// InTerminal and OutTerminal tell whether a person is at In and Out.
	InTerminal, OutTerminal bool
	// Version is that of the binary.
	Version string
	// ServeDCS runs a member of the embedded DCS until the context ends; nil where there is none.
	ServeDCS func(context.Context, *config.Embedded, *slog.Logger) error
	// Drop makes the directories and goes on as another user where the caller is root; nil stays who it is.
	Drop func(user string, dirs ...string) error

	connection connection
}

// Run runs one command line and returns its exit code; see the Exit constants.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(a.Err, "pgvigil: "+text)
	}
	return codeOf(err)
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pgvigil",
		Short: "Operate a PostgreSQL cluster kept highly available by pgvigil",
		Long: "pgvigil operates a PostgreSQL cluster that pgvigil's supervisors keep highly available. It talks to the REST interface\n" +
			"of the supervisor on this host, found by the configuration, or of any other given with --endpoint.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	a.connection.flags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w (see %s --help)", err, c.CommandPath())
	})
	root.AddCommand(
		a.listCommand(), a.switchoverCommand(), a.failoverCommand(), a.pauseCommand(), a.resumeCommand(),
		a.reinitCommand(), a.historyCommand(), a.whyCommand(), a.rulesCommand(), a.setupCommand(), a.configCommand(), a.renderCommand(),
		a.doctorCommand(), a.dcsCommand(), a.demoCommand(), a.versionCommand(), a.genCommand(),
	)
	a.strict(root)
	return root
}

// strict makes commands without a function of their own refuse what they do not know.
func (a *App) strict(c *cobra.Command) {
	for _, sub := range c.Commands() {
		a.strict(sub)
	}
	if c.RunE != nil || c.Run != nil {
		wrapArgs(c)
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return unknownCommand(c, args[0])
	}
}

// wrapArgs turns wrong arguments into a usage error.
func wrapArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage("%w (usage: %s)", err, c.UseLine())
		}
		return nil
	}
}

func unknownCommand(c *cobra.Command, name string) error {
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(name); len(near) > 0 {
		return usage("unknown command %q for %s (did you mean %q?)", name, c.CommandPath(), near[0])
	}
	return usage("unknown command %q for %s (see %s --help)", name, c.CommandPath(), c.CommandPath())
}
