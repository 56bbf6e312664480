// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

func (a *App) historyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "history",
		Short: "Show who has led the cluster, and why it changed",
	}
	f := output(c, "table", "json", "jsonl", "yaml")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := a.client()
		if err != nil {
			return err
		}
		var h api.HistoryList
		if err := client.get(c.Context(), "/v1/history", &h); err != nil {
			return err
		}
		if done, err := f.structured(a.Out, h); done {
			return err
		}
		t := &table{
			head:   []string{"Epoch", "Leader", "TL", "Switch LSN", "Since", "Rule", "Reason"},
			right:  map[string]bool{"Epoch": true, "TL": true, "Switch LSN": true},
			colour: a.colour(),
		}
		for _, l := range h.History {
			t.add(fmt.Sprint(l.Epoch), l.Leader, number(l.Timeline), l.SwitchLSN, when(l.At), l.Rule, l.Reason)
		}
		return t.write(a.Out)
	}
	return c
}
