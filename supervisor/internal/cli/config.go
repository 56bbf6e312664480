// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

func (a *App) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check and show configurations"}
	c.AddCommand(a.configValidateCommand(), a.configShowCommand(), a.configTimingCommand())
	return c
}

func (a *App) configValidateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "validate [PATH…]", Args: cobra.ArbitraryArgs,
		Short: "Check configuration files",
		Long: "Checks files and directories as the supervisor does when it starts: its own blocks, and by starting each plugin\n" +
			"for a moment, the plugins' blocks too. Nothing is changed. The exit code is 0 if the configuration can be used, else 2.",
	}
	f := output(c, "text", "line", "json")
	noPlugins := c.Flags().Bool("no-plugins", false, "do not start plugins, nor read files that are named; plugins' blocks are not checked")
	c.RunE = func(c *cobra.Command, paths []string) error {
		if len(paths) == 0 {
			path, _ := a.configPath()
			paths = []string{path}
		}
		diags := validate(c.Context(), !*noPlugins, paths...)
		if err := writeDiagnostics(a.Out, diags, f.value, a.colour()); err != nil {
			return err
		}
		if diags.HasErrors() {
			return silent(ExitUsage)
		}
		if f.value == "text" {
			fmt.Fprintln(a.Err, "The configuration can be used.")
		}
		return nil
	}
	return c
}

// validate judges configurations as the supervisor does when it starts.
func validate(ctx context.Context, plugins bool, paths ...string) *config.Diagnostics {
	cfg, diags := config.Load(paths...)
	if cfg != nil && plugins {
		_, found := cfg.ReadSecret()
		diags.Merge(found)
		checkPlugins(ctx, cfg, diags)
	}
	return diags
}

func writeDiagnostics(w io.Writer, diags *config.Diagnostics, format string, colour bool) error {
	switch format {
	case "json":
		return diags.WriteJSON(w)
	case "line":
		return diags.WriteLines(w)
	}
	return diags.WriteText(w, colour)
}

func (a *App) configShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show [PATH…]", Args: cobra.ArbitraryArgs,
		Short: "Show the configuration in force, with defaults and without secrets",
		Long: "Shows what the supervisor makes of the configuration on disk: its own blocks with the defaults filled in, and which\n" +
			"plugins serve the others. Passwords are not shown.",
	}
	f := output(c, "yaml", "json")
	c.RunE = func(_ *cobra.Command, paths []string) error {
		if len(paths) == 0 {
			path, _ := a.configPath()
			paths = []string{path}
		}
		cfg, diags := config.Load(paths...)
		if cfg == nil {
			return a.unusable(diags)
		}
		_, err := f.structured(a.Out, shown(cfg))
		return err
	}
	return c
}

// unusable says what is wrong with a configuration.
func (a *App) unusable(diags *config.Diagnostics) error {
	if err := diags.WriteText(a.Err, a.colour()); err != nil {
		return err
	}
	return silent(ExitUsage)
}
