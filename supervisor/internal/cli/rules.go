// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

func (a *App) rulesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rules",
		Short: "Print the rules that supervisors decide by",
		Long: "Prints the rules of this binary; no supervisor is asked. The first section whose conditions hold is taken, and in it\n" +
			"the first rule whose conditions hold.",
	}
	f := output(c, "text", "json", "jsonl", "yaml", "markdown")
	markdown := c.Flags().Bool("markdown", false, "the same as --output markdown")
	c.RunE = func(*cobra.Command, []string) error {
		if *markdown || f.value == "markdown" {
			_, err := io.WriteString(a.Out, core.Markdown())
			return wrapOutput(err)
		}
		rules := api.RuleTable()
		if done, err := f.structured(a.Out, rules); done {
			return err
		}
		return writeRules(a.Out, rules)
	}
	return c
}

func writeRules(w io.Writer, rules api.Rules) error {
	var b strings.Builder
	for i, s := range rules.Sections {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: when %s\n", s.Name, joined(s.Enter, "nothing above applies"))
		for _, r := range s.Rules {
			fmt.Fprintf(&b, "  %s  when %s\n         do   %s\n         %s\n", r.ID, joined(r.When, "nothing above applies"), planned(r.Emits), r.Why)
		}
	}
	_, err := io.WriteString(w, b.String())
	return wrapOutput(err)
}

func joined(conditions []string, none string) string {
	if len(conditions) == 0 {
		return none
	}
	return strings.Join(conditions, ", ")
}
