// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

func (a *App) listCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Aliases: []string{"topology", "status"},
		Short: "Show the members of the cluster",
		Long: "Shows the members of the cluster as the supervisor asked sees them.\n\n" +
			"With --check, the exit code tells the state: 0 all is well, 3 degraded, 4 nobody leads.",
	}
	f := output(c, "table", "wide", "json", "jsonl", "yaml")
	watch := c.Flags().BoolP("watch", "w", false, "show it again and again until interrupted")
	interval := c.Flags().DurationP("interval", "n", 2*time.Second, "time between two, with --watch")
	check := c.Flags().Bool("check", false, "tell the state by the exit code")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := a.client()
		if err != nil {
			return err
		}
		if *watch {
			return a.watch(c.Context(), client, f, *interval)
		}
		s, err := client.status(c.Context())
		if err != nil {
			return err
		}
		if err := a.show(a.Out, s, f); err != nil || !*check {
			return err
		}
		return a.judge(s)
	}
	return c
}

// watch shows the cluster until the context ends: on a terminal in place, else one after the other.
func (a *App) watch(ctx context.Context, client *client, f *format, interval time.Duration) error {
	if interval < 100*time.Millisecond {
		return usage("interval %s: at least 100ms", interval)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := a.showOnce(ctx, client, f); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// showOnce shows the cluster, or why it cannot be shown: watching goes on.
func (a *App) showOnce(ctx context.Context, client *client, f *format) error {
	var page strings.Builder
	s, err := client.status(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		fmt.Fprintln(a.Err, "pgvigil: "+err.Error())
		return nil
	}
	if err := a.show(&page, s, f); err != nil {
		return err
	}
	if a.OutTerminal && (f.value == "table" || f.value == "wide") {
		_, err = fmt.Fprint(a.Out, "\x1b[H\x1b[2J", page.String())
		return wrapOutput(err)
	}
	if f.value == "table" || f.value == "wide" {
		page.WriteString("\n")
	}
	_, err = io.WriteString(a.Out, page.String())
	return wrapOutput(err)
}

// show writes the cluster in the wanted format.
func (a *App) show(w io.Writer, s *api.Status, f *format) error {
	if done, err := f.structured(w, s); done {
		return err
	}
	for _, line := range headline(s) {
		if _, err := fmt.Fprintln(w, printable(line)); err != nil {
			return wrapOutput(err)
		}
	}
	t := memberTable(s, f.value == "wide")
	t.colour = a.colour()
	if err := t.write(w); err != nil {
		return err
	}
	if line := quorumLine(s); line != "" {
		if _, err := fmt.Fprintf(w, "\n%s\n", printable(line)); err != nil {
			return wrapOutput(err)
		}
	}
	if err := messages(w, s); err != nil {
		return err
	}
	return ailments(w, s)
}

func headline(s *api.Status) []string {
	first := "Cluster: " + s.Cluster.Name
	if s.Cluster.SystemID != "" {
		first += " (" + s.Cluster.SystemID + ")"
	}
	lines := []string{first + fmt.Sprintf("  epoch %d", s.Cluster.Epoch)}
	if s.Cluster.Leader == "" {
		lines = append(lines, "No leader: the cluster takes no writes")
	}
	if s.Cluster.Paused {
		lines = append(lines, "Paused: no automatic failover (pgvigil resume)")
	}
	if op := s.Operation; op != nil && op.State == "pending" {
		lines = append(lines, "Operation: "+describe(op))
	}
	if age := s.Self.DCSAgeSeconds; age == nil || *age > s.Self.TTLSeconds {
		lines = append(lines, "The DCS does not answer "+s.Self.Name+": this is how it was last seen")
	}
	return append(lines, "")
}

// describe is an operation in a few words.
func describe(op *api.Operation) string {
	text := op.Kind
	if op.From != "" {
		text += " from " + op.From
	}
	if op.To != "" {
		text += map[bool]string{true: " of ", false: " to "}[op.Kind == "reinit"] + op.To
	}
	return text + ", " + op.State
}

func memberTable(s *api.Status, wide bool) *table {
	t := &table{
		head:  []string{"Member", "Host", "Role", "State", "Epoch", "TL", "LSN", "Lag", "Tags"},
		right: map[string]bool{"Epoch": true, "TL": true, "LSN": true, "Lag": true, "Received lag": true, "Priority": true},
	}
	if s.Cluster.Quorum != nil {
		t.head = slices.Insert(t.head, 3, "Sync")
	}
	if wide {
		t.head = append(t.head, "Received lag", "Priority", "PostgreSQL", "Version", "Upstream", "API", "Job")
	}
	for _, m := range s.Members {
		cells := []string{
			m.Name, host(m), role(m), state(m), strconv.FormatUint(uint64(m.Epoch), 10), number(m.Timeline), m.LSN,
			lag(m, m.ReplayLag), tags(m),
		}
		if s.Cluster.Quorum != nil {
			cells = slices.Insert(cells, 3, synchronous(s, m))
		}
		if wide {
			cells = append(cells, lag(m, m.ReceiveLag), strconv.Itoa(m.Priority), serverVersion(m.ServerVersion), m.Version, m.Upstream, m.API, m.Job)
		}
		t.add(cells...)
	}
	t.paint = func(row int) string { return paint(s.Members[row]) }
	return t
}

func paint(m api.Member) string {
	switch {
	case m.Stale || m.Role == "primary":
		return red
	case m.Role == "leader":
		return green
	}
	return ""
}

func host(m api.Member) string {
	if m.Port == 5432 || m.Port == 0 {
		return m.Host
	}
	return m.Host + ":" + strconv.Itoa(int(m.Port))
}

func role(m api.Member) string {
	switch m.Role {
	case "leader":
		return "Leader"
	case "replica":
		return "Replica"
	case "primary":
		return "Primary (not leading)"
	}
	return m.Role
}

func state(m api.Member) string {
	text := m.State
	for _, more := range []struct {
		holds bool
		text  string
	}{{m.Detached, "detached"}, {m.Lacking, "catching up"}, {len(m.PendingRestart) > 0, "restart pending"}} {
		if more.holds {
			text += ", " + more.text
		}
	}
	return text
}

func number[T ~uint32](n T) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func lag(m api.Member, bytes *uint64) string {
	switch {
	case m.Role == "leader":
		return ""
	case bytes == nil:
		return "unknown"
	}
	return size(*bytes)
}

// tags lists a member's tags; true is said by the name alone.
func tags(m api.Member) string {
	all := maps.Clone(m.Tags)
	if all == nil {
		all = map[string]string{}
	}
	if m.NoFailover {
		all["nofailover"] = "true"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] == "true" {
			out = append(out, name)
		} else {
			out = append(out, name+"="+all[name])
		}
	}
	return strings.Join(out, " ")
}

// serverVersion writes 170002 as "17.2".
func serverVersion(v uint32) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", v/10000, v%10000)
}

// messages writes what members have to say, and what waits for a restart, below the table.
func messages(w io.Writer, s *api.Status) error {
	for _, m := range s.Members {
		texts := []string{m.Message}
		switch {
		case m.Stale:
			texts[0] = "its supervisor has not been heard of for long"
		case len(m.PendingRestart) > 0:
			texts = append(texts, "restart pending for "+strings.Join(m.PendingRestart, ", "))
		}
		for _, text := range texts {
			if text == "" {
				continue
			}
			if _, err := fmt.Fprintf(w, "%s: %s\n", printable(m.Name), printable(text)); err != nil {
				return wrapOutput(err)
			}
		}
	}
	return nil
}

// ailments writes what is wrong with the plugins of the supervisor asked.
func ailments(w io.Writer, s *api.Status) error {
	for _, p := range s.Plugins {
		if p.Healthy || p.Message == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s, plugin %s: %s\n", printable(s.Self.Name), printable(p.Name), printable(p.Message)); err != nil {
			return wrapOutput(err)
		}
	}
	return nil
}

// judge says what is amiss and turns it into an exit code.
func (a *App) judge(s *api.Status) error {
	if s.Cluster.Leader == "" {
		return failf(ExitNoLeader, "nobody leads")
	}
	var amiss []string
	for _, m := range s.Members {
		if (m.Role != "leader" || m.State != "running") && (m.Role != "replica" || m.State != "streaming") {
			amiss = append(amiss, fmt.Sprintf("%s is %s", m.Name, m.State))
		}
	}
	if s.Cluster.Paused {
		amiss = append(amiss, "the cluster is paused")
	}
	if len(amiss) > 0 {
		return failf(ExitDegraded, "%s", strings.Join(amiss, ", "))
	}
	return nil
}
