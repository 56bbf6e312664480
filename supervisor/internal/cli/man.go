// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// genCommand makes files for packages.
func (a *App) genCommand() *cobra.Command {
	c := &cobra.Command{Use: "gen", Short: "Make files for packages", Hidden: true}
	c.AddCommand(&cobra.Command{
		Use: "man DIR", Args: cobra.ExactArgs(1), Short: "Write the manual pages into a directory",
		RunE: func(c *cobra.Command, args []string) error { return writePages(c.Root(), args[0]) },
	})
	return c
}

// writePages writes the page of a command and of all below it.
func writePages(c *cobra.Command, dir string) error {
	file := filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
	if err := os.WriteFile(file, []byte(manPage(c)), 0o644); err != nil { //nolint:gosec // manual pages are for everybody
		return fmt.Errorf("manual page: %w", err)
	}
	for _, sub := range c.Commands() {
		if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		if err := writePages(sub, dir); err != nil {
			return err
		}
	}
	return nil
}

func manPage(c *cobra.Command) string {
	var b strings.Builder
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %q 1 \"\" \"pgvigil\" \"pgvigil manual\"\n", strings.ToUpper(name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(c.UseLine()))
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(long), "\n\n", "\n.PP\n"))
	manOptions(&b, "OPTIONS", c.NonInheritedFlags())
	manOptions(&b, "GLOBAL OPTIONS", c.InheritedFlags())
	if !c.HasParent() {
		manTail(&b)
	}
	manSeeAlso(&b, c)
	return b.String()
}

func manOptions(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		spelt := "--" + f.Name
		if f.Shorthand != "" {
			spelt = "-" + f.Shorthand + ", " + spelt
		}
		if value != "" {
			spelt += " " + value
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(spelt), roff(text))
	})
}

// exitCodes is the table of the exit codes, in their order.
func exitCodes() []string {
	return []string{
		"success", "error", "wrong usage or configuration", "degraded (list --check)", "nobody leads", "timeout; what was asked for goes on",
		"refused: the cluster is not in a state for it", "the DCS did not take it", "not permitted", "doctor has found an error",
	}
}

func manTail(b *strings.Builder) {
	b.WriteString(".SH EXIT STATUS\n")
	for code, text := range exitCodes() {
		fmt.Fprintf(b, ".TP\n.B %d\n%s\n", code, roff(text))
	}
	b.WriteString(".SH ENVIRONMENT\n")
	for _, v := range [][2]string{
		{"PGVIGIL_CONFIG", "Configuration file or directory."}, {"PGVIGIL_ENDPOINT", "URLs of supervisors, separated by commas."},
		{"PGVIGIL_USERNAME, PGVIGIL_PASSWORD", "Account for changes, with PGVIGIL_ENDPOINT or --endpoint."},
		{"NO_COLOR", "If set, no colour is written."},
	} {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(v[0]), roff(v[1]))
	}
}

func manSeeAlso(b *strings.Builder, c *cobra.Command) {
	var names []string
	if c.HasParent() {
		names = append(names, c.Parent().CommandPath())
	}
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			names = append(names, sub.CommandPath())
		}
	}
	for i, n := range names {
		names[i] = "\\fB" + roff(strings.ReplaceAll(n, " ", "-")) + "\\fR(1)"
	}
	if len(names) > 0 {
		fmt.Fprintf(b, ".SH SEE ALSO\n%s\n", strings.Join(names, ", "))
	}
}

// roff escapes text so that it stands for itself.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
