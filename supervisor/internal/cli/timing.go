// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// What was measured of PostgreSQL: docs/adr/0002-deadman.md, docs/benchmarks.md.
const (
	killMeasured    = 220 * core.Millisecond // until every process is gone, with five to seven runnable processes per CPU
	promoteMeasured = 150 * core.Millisecond // until a standby has opened
)

// dcsPatience bounds how long a supervisor is asked for what it has measured.
const dcsPatience = 2 * time.Second

// timing is the document of check-timing.
type timing struct {
	APIVersion string       `json:"apiVersion"`
	Holds      bool         `json:"holds"`
	Durability string       `json:"durability"`
	Checks     []inequality `json:"checks"`
	// Failover is how long a cluster is expected to be without a primary after its host was lost, and where that comes from.
	FailoverSeconds float64      `json:"failover_seconds"`
	FailoverParts   []timingPart `json:"failover_parts"`
	// DCS is what the supervisor has measured; null when it cannot be asked.
	DCS *api.Latency `json:"dcs"`
}

// inequality says that Less is at most, or less than, More.
type inequality struct {
	Name        string  `json:"name"`
	Less        string  `json:"less"`
	LessSeconds float64 `json:"less_seconds"`
	Relation    string  `json:"relation"`
	More        string  `json:"more"`
	MoreSeconds float64 `json:"more_seconds"`
	Holds       bool    `json:"holds"`
	Why         string  `json:"why"`
}

// timingPart is a part of the time without a primary.
type timingPart struct {
	What    string  `json:"what"`
	Seconds float64 `json:"seconds"`
}

func (a *App) configTimingCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "check-timing [PATH…]", Args: cobra.ArbitraryArgs,
		Short: "Show the relations between times that safety and availability rest on",
		Long: "Shows each relation between this cluster's times that a promise rests on, with its numbers and whether it holds, and how\n" +
			"long the cluster is expected to be without a primary when its host is lost. How fast the DCS answers is taken from the\n" +
			"supervisor, if it can be asked. The exit code is 1 if a relation does not hold.",
	}
	f := output(c, "text", "json", "jsonl", "yaml")
	c.RunE = func(c *cobra.Command, paths []string) error {
		if len(paths) == 0 {
			path, _ := a.configPath()
			paths = []string{path}
		}
		cfg, diags := config.Load(paths...)
		if cfg == nil {
			return a.unusable(diags)
		}
		t := timingOf(policyOf(cfg), a.measured(c.Context(), cfg, paths[0]))
		done, err := f.structured(a.Out, t)
		if !done {
			err = t.write(a.Out)
		}
		if err == nil && !t.Holds {
			err = silent(ExitError)
		}
		return err
	}
	return c
}

// policyOf is the policy with the watchdog, where one is required or there is one.
func policyOf(cfg *config.Config) core.Policy {
	p := cfg.Policy()
	_, err := os.Stat(cfg.Watchdog.Device)
	if cfg.Watchdog.Mode == config.WatchdogRequired || cfg.Watchdog.Mode == config.WatchdogAutomatic && err == nil {
		p.Watchdog = core.Span(cfg.Watchdog.Timeout)
	}
	return p
}

// measured is what the supervisor of this host has measured of the DCS; nil when it cannot be asked.
func (a *App) measured(ctx context.Context, cfg *config.Config, path string) *api.Latency {
	ctx, cancel := context.WithTimeout(ctx, dcsPatience)
	defer cancel()
	client, err := a.clientOf(cfg, path)
	if err != nil {
		return nil
	}
	s, err := client.status(ctx)
	if err != nil {
		return nil
	}
	return s.Self.DCSLatency
}

func timingOf(p core.Policy, dcs *api.Latency) timing {
	t := timing{APIVersion: api.Version, Durability: config.DurabilityAsync, DCS: dcs}
	answer := span("the DCS's answer is not measured", 0)
	if dcs != nil {
		answer = span("99th percentile of the DCS", fromSeconds(dcs.P99Seconds))
	}
	t.leadership(p, answer)
	if p.Watchdog > 0 {
		t.watchdog(p)
	}
	if p.Quorum {
		t.Durability = config.DurabilityQuorum
		t.quorum(p)
	}
	t.failover(p)
	t.Holds = true
	for _, c := range t.Checks {
		t.Holds = t.Holds && c.Holds
	}
	return t
}

// named is a time and what it is.
type named struct {
	what string
	d    core.Span
}

func span(what string, d core.Span) named { return named{what, d} }

func (t *timing) check(name string, less named, relation string, more named, why string) {
	holds := less.d < more.d || relation == "≤" && less.d == more.d
	t.Checks = append(t.Checks, inequality{name, less.what, toSeconds(less.d), relation, more.what, toSeconds(more.d), holds, why})
}

// leadership is what the record of the leader rests on.
func (t *timing) leadership(p core.Policy, answer named) {
	drift := p.TTL / 1_000_000 * core.Span(p.DriftPPM)
	deadline := span("ttl − drift", p.TTL-drift)
	t.check("deadline before take-over", deadline, "≤", span("ttl + drift", p.TTL+drift),
		"a leader stops before anybody else counts its time as over")
	t.check("killed before the deadline", span("measured time to kill PostgreSQL", killMeasured), "<", span("fence margin", p.FenceMargin()),
		"a leader that cannot renew begins to kill PostgreSQL early enough")
	t.check("kernel after the loop", span("deadman margin", p.DeadmanMargin()), "<", span("fence margin", p.FenceMargin()),
		"the kernel's timer acts only if the supervisor cannot")
	t.check("kernel before the deadline", span("measured time to kill PostgreSQL", killMeasured), "<", span("deadman margin", p.DeadmanMargin()),
		"PostgreSQL is gone in time also if the supervisor is stopped")
	lost := span("two renewals + "+answer.what, 2*p.RenewEvery()+answer.d)
	if answer.d == 0 {
		lost.what = "two renewals"
	}
	t.check("one lost renewal", lost, "<", span("ttl − drift − fence margin", deadline.d-p.FenceMargin()),
		"an answer of the DCS that is lost costs nothing")
	if answer.d > 0 {
		t.check("renewals do not pile up", answer, "<", span("renewal interval", p.RenewEvery()), "a renewal is answered before the next is due")
	}
}

// watchdog is what the host's watchdog rests on.
func (t *timing) watchdog(p core.Policy) {
	drift := p.TTL / 1_000_000 * core.Span(p.DriftPPM)
	t.check("watchdog before take-over", span("watchdog timeout", p.Watchdog), "<", span("ttl − drift", p.TTL-drift),
		"a host that hangs is reset before anybody else may lead")
	t.check("renewals feed the watchdog", span("renewal interval", p.RenewEvery()), "<", span("watchdog timeout", p.Watchdog),
		"a healthy host is not reset")
	t.check("killed before the reset", span("ttl − drift − deadman margin", p.TTL-drift-p.DeadmanMargin()), "≤", span("watchdog timeout", p.Watchdog),
		"the host is reset only if PostgreSQL could not be killed")
}

// quorum is what elections without waiting for the leader's time rest on.
func (t *timing) quorum(p core.Policy) {
	drift := p.TTL / 1_000_000 * core.Span(p.DriftPPM)
	t.check("suspicion before expiry", span("suspect_after", p.SuspectAfter), "≤", span("ttl", p.TTL),
		"a lost leader is replaced before its time is over")
	t.check("one lost heartbeat", span("two heartbeats", 2*p.BeatInterval()), "<", span("suspect_after", p.SuspectAfter),
		"a datagram that is lost raises no alarm")
	t.check("probe before suspicion", span("probe begins + probe grace", p.ProbeAfter()+p.ProbeGrace()), "≤", span("suspect_after", p.SuspectAfter),
		"by the time the supervisor is suspected, its PostgreSQL has had the time to answer")
	t.check("promises before fencing", span("ask after + two heartbeats", p.AskAfter()+2*p.BeatInterval()), "<", span("ttl − drift − fence margin", p.TTL-drift-p.FenceMargin()),
		"a primary that lost the DCS has its standbys' promises before it would be ended")
}

// failover is how long the cluster is without a primary when its host is lost.
func (t *timing) failover(p core.Policy) {
	commit := 10 * core.Millisecond
	if t.DCS != nil {
		commit = fromSeconds(t.DCS.MedianSeconds)
	}
	drift := p.TTL / 1_000_000 * core.Span(p.DriftPPM)
	parts := []named{{"suspicion: ttl + drift", p.TTL + drift}, {"hearing the other candidates", p.RaceGrace()}, {"a commit", commit}}
	if p.Quorum {
		parts = []named{{"suspicion: suspect_after, or the probe", max(p.SuspectAfter, p.ProbeAfter()+p.ProbeGrace())},
			{"waiting for better ballots, at most", p.BallotGrace()}, {"a ballot and the take-over", 2 * commit}}
	}
	parts = append(parts, named{"promotion, as measured", promoteMeasured})
	var sum core.Span
	for _, part := range parts {
		sum += part.d
		t.FailoverParts = append(t.FailoverParts, timingPart{part.what, toSeconds(part.d)})
	}
	t.FailoverSeconds = toSeconds(sum)
}

func toSeconds(d core.Span) float64 { return float64(d/1000) / 1e6 }

func fromSeconds(s float64) core.Span { return core.Span(s * 1e9) }

// write prints the document for people.
func (t timing) write(w io.Writer) error {
	var b strings.Builder
	for _, c := range t.Checks {
		fmt.Fprintf(&b, "%s  %s: %s\n", map[bool]string{true: "holds", false: "FAILS"}[c.Holds], c.Name, c.Why)
		fmt.Fprintf(&b, "       %s %s %s %s %s\n", c.Less, inSeconds(c.LessSeconds), c.Relation, c.More, inSeconds(c.MoreSeconds))
	}
	if d := t.DCS; d != nil {
		fmt.Fprintf(&b, "\nThe DCS answered %d calls: median %s, 99%% within %s.\n", d.Count, inSeconds(d.MedianSeconds), inSeconds(d.P99Seconds))
	} else {
		b.WriteString("\nThe supervisor of this host cannot be asked how fast the DCS answers.\n")
	}
	fmt.Fprintf(&b, "\nWhen the host of the primary is lost, the cluster is without one for about %s:\n", inSeconds(t.FailoverSeconds))
	for _, p := range t.FailoverParts {
		fmt.Fprintf(&b, "  %8s  %s\n", inSeconds(p.Seconds), p.What)
	}
	_, err := io.WriteString(w, b.String())
	return wrapOutput(err)
}

func inSeconds(s float64) string {
	d := time.Duration(s * 1e9)
	if d < time.Second {
		return fmt.Sprintf("%.4gms", s*1000)
	}
	return fmt.Sprintf("%.4gs", s)
}
