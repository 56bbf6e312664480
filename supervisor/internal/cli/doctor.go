// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/doctor"
)

// examination is the document of doctor.
type examination struct {
	APIVersion string           `json:"apiVersion"`
	Errors     int              `json:"errors"`
	Warnings   int              `json:"warnings"`
	Findings   []doctor.Finding `json:"findings"`
}

func (a *App) doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this host is fit for pgvigil",
		Long: "Checks this host by its configuration, before the supervisor runs for the first time or while it runs: configuration,\n" +
			"plugins, PostgreSQL's programs, directories, secrets, ports, DCS, watchdog, disk, clock, kernel, and what the routers' plugins\n" +
			"see of HAProxy, Keepalived and PgBouncer. Each finding says what to change. Nothing is changed, and no watchdog armed.\n\n" +
			"Run it as root, or as the user of the postgres block: root goes on as that user, to see what the supervisor would.\n\n" +
			"The exit code is 0 if there is nothing worse than a warning, 9 if there is an error.",
	}
	f := output(c, "text", "json", "yaml")
	c.RunE = func(c *cobra.Command, _ []string) error {
		findings, err := a.examine(c.Context())
		if err != nil {
			return err
		}
		e := examination{APIVersion: api.Version, Findings: findings}
		for _, found := range findings {
			switch found.Severity {
			case doctor.Error:
				e.Errors++
			case doctor.Warning:
				e.Warnings++
			}
		}
		done, err := f.structured(a.Out, e)
		if !done {
			err = writeFindings(a.Out, findings, a.colour())
			fmt.Fprintf(a.Err, "\nErrors: %d, warnings: %d.\n", e.Errors, e.Warnings)
		}
		if err == nil && e.Errors > 0 {
			err = silent(ExitUnfit)
		}
		return err
	}
	return c
}

// examine has the doctor look at this host. Of a configuration that cannot be used there is only that to say.
func (a *App) examine(ctx context.Context) ([]doctor.Finding, error) {
	path, _ := a.configPath()
	loader := &config.Loader{DCSOnly: true}
	cfg, diags := loader.Load(path)
	if cfg == nil {
		return doctor.Diagnosed(diags), nil
	}
	var account error
	if a.Drop != nil {
		account = a.Drop(cfg.Server.User)
	}
	_, found := cfg.ReadSecret()
	diags.Merge(found)
	d := &doctor.Doctor{Config: cfg, Found: diags, Account: account, Status: func(ctx context.Context) (*api.Status, error) {
		client, err := a.clientOf(cfg, path)
		if err != nil {
			return nil, err
		}
		return client.status(ctx)
	}}
	fmt.Fprintln(a.Err, "Checking; this takes some seconds.")
	return d.Run(ctx), nil
}

// writeFindings writes the findings by topic.
func writeFindings(w io.Writer, all []doctor.Finding, colour bool) error {
	topic := ""
	for _, f := range all {
		if f.Topic != topic {
			topic = f.Topic
			if _, err := fmt.Fprintf(w, "\n%s\n", topic); err != nil {
				return wrapOutput(err)
			}
		}
		if _, err := fmt.Fprintf(w, "  %s %s\n", severity(f.Severity, colour), printable(f.Found)); err != nil {
			return wrapOutput(err)
		}
		if f.Change == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "          ⇒ %s\n", printable(f.Change)); err != nil {
			return wrapOutput(err)
		}
	}
	return nil
}

// severity is a word of eight columns.
func severity(s doctor.Severity, colour bool) string {
	escape := map[doctor.Severity]string{doctor.OK: green, doctor.Warning: bold, doctor.Error: red}[s]
	if !colour || escape == "" {
		return fmt.Sprintf("%-7s", s)
	}
	return fmt.Sprintf("%s%-7s%s", escape, s, plain)
}
