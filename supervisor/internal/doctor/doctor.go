// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
	"github.com/pgvigil/pgvigil/supervisor/internal/watchdog"
)

// patience bounds each check.
const patience = 20 * time.Second

// topics in the order in which they are told.
var topics = []string{
	"configuration", "user", "supervisor", "plugins", "postgresql", "data", "secrets", "ports", "dcs", "watchdog", "disk", "time",
	"kernel", "routers",
}

// Doctor checks one host.
type Doctor struct {
	// Config is valid, Found what was found of it.
	Config *config.Config
	Found  *config.Diagnostics
	// Account is why this process, run by root, could not become the user of the postgres block; nil if it has, or another
	// user runs it.
	Account error
	// Status asks the supervisor of this host, within the context.
	Status func(context.Context) (*api.Status, error)

	// kernel is asked about the watchdog.
	kernel watchdog.Kernel
	// status is what the supervisor of this host says, nil if there is none.
	status func() *api.Status
}

// check is one part of the examination. It may be given up when its context ends.
type check struct {
	name string
	run  func(context.Context, *report)
}

// Run makes all checks at the same time. What does not come to an end is an error.
func (d *Doctor) Run(ctx context.Context) []Finding {
	if d.kernel == nil {
		d.kernel = watchdog.Linux{}
	}
	asked := &report{}
	d.status = sync.OnceValue(func() *api.Status { return d.supervisor(ctx, asked) })
	checks := []check{
		{"supervisor", func(_ context.Context, r *report) {
			d.status()
			r.list = asked.found()
		}},
		{"user", d.user}, {"data", d.data}, {"secrets", d.secrets}, {"ports", d.ports}, {"disk", d.disk}, {"time", d.time},
		{"kernel", d.sysctl}, {"kernel.selinux", d.selinux},
	}
	if d.Config.Postgres.Kind != "" {
		checks = append(checks,
			check{"plugins.launcher", d.launcher}, check{"postgresql", d.postgres}, check{"watchdog", d.watchdog})
	} else {
		asked.note("configuration.postgres", "where PostgreSQL is to run: add a postgres block",
			"there is no postgres block: this host can have a member of the embedded DCS, and no supervisor")
	}
	for i, spec := range daemon.Specs(d.Config) {
		block := d.Config.Plugins()[i]
		ask := func(ctx context.Context, r *report) { d.plugin(ctx, r, block, spec) }
		checks = append(checks, check{"plugins." + block.Name, ask})
	}
	found := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { found[i] = c.within(ctx, patience) })
	}
	all.Wait()
	return sorted(append(slices.Concat(found...), Diagnosed(d.Found)...))
}

// within runs a check and returns at the latest when the time is over, with what there is by then.
func (c check) within(ctx context.Context, limit time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, done := &report{}, make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx, r)
	}()
	select {
	case <-done:
		return r.found()
	case <-ctx.Done():
	}
	select {
	case <-done: // a check that minds its context says itself what took so long
	case <-time.After(time.Second):
		r.fail(c.name, "see what of it hangs: a file system, a name server or a device",
			"not checked to the end within %s", limit)
	}
	return r.found()
}

// sorted has the findings in the order of their topics. A configuration that nobody finds wrong is a finding, too.
func sorted(all []Finding) []Finding {
	if !slices.ContainsFunc(all, func(f Finding) bool { return f.Topic == "configuration" && f.Severity != Note }) {
		all = append(all, Finding{ID: "configuration.valid", Topic: "configuration", Severity: OK,
			Found: "it can be used, says each plugin that answers"})
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return slices.Index(topics, a.Topic) - slices.Index(topics, b.Topic) })
	return all
}

// Diagnosed is what was found of a configuration as findings.
func Diagnosed(diags *config.Diagnostics) []Finding {
	r := &report{}
	diagnose(r, diags)
	return r.list
}

func diagnose(r *report, diags *config.Diagnostics) {
	if diags == nil {
		return
	}
	for _, d := range diags.List {
		severity := Warning
		if d.Severity == config.Error {
			severity = Error
		}
		text := d.Summary
		if place := d.Range.String(); place != "" {
			text = place + ": " + text
		}
		r.add(severity, "configuration.diagnostic", d.Detail, text)
	}
}

// supervisor asks the supervisor of this host. One of another cluster or member is not it.
func (d *Doctor) supervisor(ctx context.Context, r *report) *api.Status {
	const id = "supervisor.api"
	if d.Config.Postgres.Kind == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := d.Status(ctx)
	c := d.Config.Cluster
	switch {
	case err != nil:
		r.note(id, "", "no supervisor answers here: %v", err)
		return nil
	case s.Cluster.Name != c.Name || s.Self.Name != c.Member:
		r.fail(id, "set api.connect to where this host's supervisor is reached, or cluster and member as it was started with",
			"%s is answered by member %q of cluster %q, not by %q of %q",
			d.Config.API.Connect, s.Self.Name, s.Cluster.Name, c.Member, c.Name)
		return nil
	case s.Cluster.Leader == "":
		r.warn(id, "pgvigil why says what it waits for", "it runs, version %s, and nobody leads the cluster", s.Self.Version)
	default:
		r.ok(id, "it runs, version %s, and %s leads", s.Self.Version, s.Cluster.Leader)
	}
	return s
}

func (d *Doctor) launcher(_ context.Context, r *report) {
	path := daemon.LauncherPath()
	switch info, err := os.Stat(path); {
	case err != nil:
		r.fail("plugins.launcher", "install it beside pgvigil, or as the packages do",
			"PostgreSQL's launcher is missing: %v", err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0 || info.Mode()&0o022 != 0:
		r.fail("plugins.launcher", "chmod 755 "+path,
			"%s must be a program that others cannot write, its mode is %s", path, info.Mode())
	default:
		r.ok("plugins.launcher", "%s", path)
	}
}

// milliseconds is a time as people compare them.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
