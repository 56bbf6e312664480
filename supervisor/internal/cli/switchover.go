// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

func (a *App) switchoverCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "switchover",
		Short: "Move the leadership to another member, on purpose",
		Long: "Moves the leadership to another member: the leader is stopped cleanly, the candidate takes over with everything\n" +
			"written, and the old leader follows it. Without --candidate the cluster chooses.\n\n" +
			"Poolers hold the transactions of clients back meanwhile. Where one cannot, for transactions run on, the switchover is called\n" +
			"off; --cut-clients goes ahead.\n\n" +
			"--dry-run does nothing: it tells who would take over, what stands in the way, and for how long there would be no primary.",
	}
	leader := c.Flags().String("leader", "", "the member that leads now; the switchover is refused if it does not")
	candidate := c.Flags().String("candidate", "", "the member that is to lead")
	cut := c.Flags().Bool("cut-clients", false, "go ahead though a pooler cannot hold clients back")
	dry := c.Flags().Bool("dry-run", false, "tell what would happen, and do nothing")
	o := a.operationFlags(c, time.Minute)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, before, err := a.begin(c.Context())
		if err != nil {
			return err
		}
		if before.Cluster.Leader == "" {
			return failf(ExitNoLeader, "nobody leads, so there is nothing to switch over: use pgvigil failover --candidate MEMBER")
		}
		from := *leader
		if from == "" {
			from = before.Cluster.Leader
		}
		to := *candidate
		if to == "" {
			to = "the best candidate"
		} else if err := known(before, to); err != nil {
			return err
		}
		if *dry {
			return a.forecast(c.Context(), client, before, from, *candidate, o.format)
		}
		if err := a.confirm(o, before, fmt.Sprintf("Switch over from %s to %s?", from, to)); err != nil {
			return err
		}
		body := map[string]any{"leader": from, "candidate": *candidate}
		if *cut { // a field that older supervisors do not know
			body["cut_clients"] = true
		}
		return a.run(c.Context(), client, o, before, http.MethodPost, "/switchover?wait=false", body)
	}
	a.completeMembers(c, "leader", "candidate")
	return c
}

func (a *App) failoverCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "failover --candidate MEMBER",
		Short: "Make a member the leader where there is none",
		Long: "Makes a member the leader where none is, or where the leader cannot hand over. Writes that only the old leader has\n" +
			"are lost: where there is a healthy leader, use switchover.\n\n" +
			"With durability = \"quorum\" nothing that was acknowledged is lost: the failover waits until enough members have said how far\n" +
			"they got. Where too few are left to do so, --accept-data-loss goes ahead with what the candidate has. The history records it.",
	}
	candidate := c.Flags().String("candidate", "", "the member that is to lead")
	force := c.Flags().Bool("accept-data-loss", false, "go ahead without the proof that nothing acknowledged is lost")
	o := a.operationFlags(c, time.Minute)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *candidate == "" {
			return usage("a failover needs --candidate MEMBER")
		}
		client, before, err := a.begin(c.Context())
		if err != nil {
			return err
		}
		if err := known(before, *candidate); err != nil {
			return err
		}
		question := fmt.Sprintf("Make %s the leader?", *candidate)
		switch leader := before.Cluster.Leader; {
		case *force:
			question = acceptLoss(before, *candidate)
		case leader != "" && before.Cluster.Quorum != nil:
			question = fmt.Sprintf("%s leads. Make %s the leader all the same?", leader, *candidate)
		case leader != "":
			question = fmt.Sprintf("%s leads. Make %s the leader all the same, at the risk of losing writes?", leader, *candidate)
		}
		if err := a.confirm(o, before, question); err != nil {
			return err
		}
		body := map[string]any{"candidate": *candidate}
		if *force {
			body["accept_data_loss"] = true
		}
		return a.run(c.Context(), client, o, before, http.MethodPost, "/failover?wait=false", body)
	}
	a.completeMembers(c, "candidate")
	return c
}

// acceptLoss is the question before a failover that may lose what was acknowledged.
func acceptLoss(s *api.Status, candidate string) string {
	m := find(s, candidate)
	text := fmt.Sprintf("%s has written up to %s in epoch %d. COMMITS PAST THAT ARE LOST FOR GOOD, ALSO THOSE THAT WERE ACKNOWLEDGED TO CLIENTS", candidate, m.LSN, m.Epoch)
	if leader := s.Cluster.Leader; leader != "" {
		text += ", and " + leader + " still leads"
	}
	return text + fmt.Sprintf(".\nMake %s the leader all the same?", candidate)
}

func (a *App) reinitCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "reinit MEMBER", Aliases: []string{"reinitialize"}, Args: cobra.ExactArgs(1),
		Short: "Replace a member's data directory by a copy of the leader's",
		Long:  "Replaces the data directory of a standby by a fresh copy of the leader's.",
	}
	o := a.operationFlags(c, 24*time.Hour)
	c.RunE = func(c *cobra.Command, args []string) error {
		client, before, err := a.begin(c.Context())
		if err != nil {
			return err
		}
		if err := known(before, args[0]); err != nil {
			return err
		}
		if err := a.confirm(o, before, fmt.Sprintf("Replace all data of %s?", args[0])); err != nil {
			return err
		}
		return a.run(c.Context(), client, o, before, http.MethodPost, "/reinitialize?wait=false", map[string]string{"member": args[0]})
	}
	c.ValidArgsFunction = a.memberNames
	return c
}

// known refuses a name that no member has.
func known(s *api.Status, name string) error {
	names := make([]string, 0, len(s.Members))
	for _, m := range s.Members {
		if m.Name == name {
			return nil
		}
		names = append(names, m.Name)
	}
	return failf(ExitRefused, "cluster %s has no member %q (it has %v)", s.Cluster.Name, name, names)
}

// completeMembers completes the values of flags with the members' names.
func (a *App) completeMembers(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.RegisterFlagCompletionFunc(name, a.memberNames); err != nil {
			panic(err) // the flag is not there: a mistake in this file
		}
	}
}

func (a *App) memberNames(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	_, s, err := a.begin(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, m := range s.Members {
		names = append(names, m.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
