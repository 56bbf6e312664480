// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

func (a *App) whyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "why",
		Short: "Explain what a member does, and why",
		Long: "Explains the decision that a member follows now: the rule, each of its conditions, the plan, and since when; then the\n" +
			"last changes of mind. All rules are listed by pgvigil rules.",
	}
	f := output(c, "text", "json", "jsonl", "yaml")
	count := c.Flags().IntP("number", "n", 5, "how many changes to show")
	member := c.Flags().String("member", "", "the member to ask; by default the one that is connected to")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := a.client()
		if err != nil {
			return err
		}
		if *member != "" {
			if client, err = a.clientOfMember(c, client, *member); err != nil {
				return err
			}
		}
		var w api.Why
		if err := client.get(c.Context(), "/v1/why", &w); err != nil {
			return err
		}
		w.Recent = w.Recent[max(0, len(w.Recent)-max(*count, 0)):]
		if done, err := f.structured(a.Out, w); done {
			return err
		}
		return a.writeWhy(a.Out, w)
	}
	a.completeMembers(c, "member")
	return c
}

// clientOfMember asks a member itself: nobody else knows its reasons.
func (a *App) clientOfMember(c *cobra.Command, client *client, name string) (*client, error) {
	s, err := client.status(c.Context())
	if err != nil {
		return nil, err
	}
	if err := known(s, name); err != nil {
		return nil, err
	}
	return client.at(find(s, name).API)
}

func (a *App) writeWhy(w io.Writer, why api.Why) error {
	d := why.Decision
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", printable(why.Member), printable(d.Rule))
	if d.Section != "" {
		fmt.Fprintf(&b, " (%s)", printable(d.Section))
	}
	if d.At != "" {
		fmt.Fprintf(&b, ", since %s", when(d.At))
	}
	fmt.Fprintf(&b, ", epoch %d\n  %s\n", d.Epoch, printable(d.Sentence))
	for _, c := range d.Conditions {
		fmt.Fprintf(&b, "  %s %s\n", map[bool]string{true: "yes", false: "no "}[c.Holds], printable(c.Name))
	}
	fmt.Fprintf(&b, "  plan: %s\n", planned(d.Plan))
	for _, line := range ballotLines(why.Quorum, uint64(d.Epoch)) {
		fmt.Fprintf(&b, "  %s\n", printable(line))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return wrapOutput(err)
	}
	return a.writeRecent(w, why.Recent)
}

func (a *App) writeRecent(w io.Writer, recent []api.Decision) error {
	if len(recent) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return wrapOutput(err)
	}
	t := &table{head: []string{"When", "Epoch", "Rule", "Plan", "Why"}, right: map[string]bool{"Epoch": true}, colour: a.colour()}
	for _, d := range recent {
		t.add(when(d.At), fmt.Sprint(d.Epoch), d.Rule, planned(d.Plan), d.Sentence)
	}
	return t.write(w)
}

func planned(plan []string) string {
	if len(plan) == 0 {
		return "wait"
	}
	return printable(strings.Join(plan, ", "))
}

// when writes a time as people read it, in UTC to the millisecond; what is no time stays as it is.
func when(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return printable(text)
	}
	return t.UTC().Format("2006-01-02 15:04:05.000Z")
}
