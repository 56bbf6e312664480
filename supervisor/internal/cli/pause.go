// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func (a *App) pauseCommand() *cobra.Command {
	return a.pauseOrResume(true, &cobra.Command{
		Use:   "pause",
		Short: "Leave the cluster alone: no automatic failover",
		Long: "Pauses the cluster, for maintenance: nobody takes over unless an operator names them, and a stopped standby is not\n" +
			"started. The leader goes on leading, even while the DCS cannot be reached.",
	})
}

func (a *App) resumeCommand() *cobra.Command {
	return a.pauseOrResume(false, &cobra.Command{
		Use:   "resume",
		Short: "Take care of a paused cluster again",
	})
}

func (a *App) pauseOrResume(pause bool, c *cobra.Command) *cobra.Command {
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, s, err := a.begin(c.Context())
		if err != nil {
			return err
		}
		word := map[bool]string{true: "paused", false: "not paused"}[pause]
		if s.Cluster.Paused == pause {
			_, err := fmt.Fprintf(a.Out, "cluster %s is %s already\n", s.Cluster.Name, word)
			return wrapOutput(err)
		}
		var answer struct{}
		if err := client.send(c.Context(), http.MethodPatch, "/config", map[string]bool{"pause": pause}, &answer); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.Out, "cluster %s is %s\n", s.Cluster.Name, word)
		return wrapOutput(err)
	}
	return c
}
