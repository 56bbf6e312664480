// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
	"github.com/pgvigil/pgvigil/supervisor/internal/setup"
)

// setupRun is one run of pgvigil setup.
type setupRun struct {
	app                           *App
	yes, force, dryRun, noPlugins bool
	format                        *format
	owner                         setup.Owner
	plan                          setup.Plan
	interview                     setup.Interview
}

func (a *App) setupCommand() *cobra.Command {
	r := &setupRun{app: a}
	c := &cobra.Command{
		Use: "setup", Args: cobra.NoArgs,
		Short: "Write the first configuration of this host",
		Long: "Asks for what it cannot find on this host, checks what comes of it as pgvigil config validate does, and writes\n" +
			"pgvigil.hcl and the files with secrets that it names into the directory of the configuration: all of them or, if\n" +
			"anything is wrong, none. Secrets that are there are kept. Answers can be given with flags; with --yes nothing is asked.",
	}
	r.format = output(c, "text", "json")
	c.Flags().BoolVarP(&r.yes, "yes", "y", false, "ask nothing: take the flags and, for what they leave open, what is found")
	c.Flags().BoolVar(&r.force, "force", false, "replace a pgvigil.hcl that is there, which is kept as pgvigil.hcl.~1~")
	c.Flags().BoolVar(&r.dryRun, "dry-run", false, "print the configuration and write nothing; it may be that of another host")
	c.Flags().BoolVar(&r.noPlugins, "no-plugins", false, "do not start plugins to check their blocks")
	for _, f := range setup.Flags() {
		c.Flags().String(f.Name, "", f.Usage)
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		answers := map[string]string{}
		for _, f := range setup.Flags() {
			if given := c.Flags().Lookup(f.Name); given.Changed {
				answers[f.Name] = given.Value.String()
			}
		}
		return r.run(c.Context(), answers)
	}
	return c
}

func (r *setupRun) run(ctx context.Context, answers map[string]string) error {
	if err := r.prepare(); err != nil {
		return err
	}
	host, err := setup.LookAt(ctx)
	if err != nil {
		return err
	}
	r.plan.SocketDir = host.SocketDir
	r.interview = setup.Interview{
		Host: host, Plan: &r.plan, Answers: answers, Out: r.app.Err, Elsewhere: r.dryRun, Present: r.present,
	}
	if r.asks() {
		r.interview.In = r.app.In
	}
	if err := r.interview.Run(ctx); err != nil {
		if errors.As(err, new(setup.Unusable)) {
			return usage("%w", err)
		}
		return err
	}
	return r.write(ctx)
}

func (r *setupRun) asks() bool { return r.app.InTerminal && !r.yes }

// prepare finds where and for whom to write, and refuses before anything is asked.
func (r *setupRun) prepare() (err error) {
	path, _ := r.app.configPath()
	if r.plan.Dir, err = filepath.Abs(path); err != nil {
		return err
	}
	if r.owner, err = fileOwner(); err != nil {
		return err
	}
	r.plan.User = r.owner.Name
	switch {
	case strings.HasSuffix(path, ".hcl"):
		return usage("--config %s: setup takes the directory in which it makes %s", path, setup.Configuration)
	case r.dryRun:
		return nil
	case !r.asks() && !r.yes:
		return usage("there is no terminal to ask on: give --yes, or --dry-run to look first")
	}
	file := r.plan.File(setup.Configuration)
	if _, err := os.Lstat(file); err == nil && !r.force {
		return failf(ExitRefused, "%s exists and stays: --force replaces it and keeps a backup, --dry-run only prints", file)
	}
	return writable(r.plan.Dir)
}

// writable tells, by an error, why files cannot be made in a directory, which may have to be made itself.
func writable(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		switch err := unix.Access(at, unix.W_OK|unix.X_OK); {
		case errors.Is(err, fs.ErrNotExist) && at != "/":
		case err != nil:
			return failf(ExitPermission, "files cannot be made in %s: %w; run setup as root, or give another --config", at, err)
		default:
			return nil
		}
	}
}

// fileOwner is postgres, or who runs this if that is not root.
func fileOwner() (setup.Owner, error) {
	name := "postgres"
	if os.Geteuid() != 0 {
		me, err := user.Current()
		if err != nil {
			return setup.Owner{}, err
		}
		name = me.Username
	}
	account, err := daemon.FindUser(name)
	return setup.Owner{Name: name, UID: account.UID, GID: account.GID}, err
}

// present tells whether a file with a secret is in place; to look, none is needed.
func (r *setupRun) present(name string) bool {
	_, err := os.Lstat(r.plan.File(name))
	return r.dryRun || err == nil
}

// write checks the plan and, if all is well and wanted, has its files put in place.
func (r *setupRun) write(ctx context.Context) (err error) {
	stage, err := setup.NewStage(&r.plan, r.owner, r.interview.Secrets, r.dryRun)
	if err != nil {
		return failf(ExitError, "nothing was written: %w", err)
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := r.check(ctx, stage); err != nil {
		return err
	}
	if r.dryRun {
		_, err := r.app.Out.Write(r.plan.HCL())
		return wrapOutput(err)
	}
	if err := r.confirm(ctx); err != nil {
		return err
	}
	files, err := stage.Place(r.force)
	if err != nil {
		return failf(ExitError, "nothing was written: %w", err)
	}
	return r.report(files)
}

// check judges the configuration together with what stands in conf.d already.
func (r *setupRun) check(ctx context.Context, stage *setup.Stage) error {
	paths := []string{stage.Configuration()}
	if more, _ := filepath.Glob(r.plan.File("conf.d/*.hcl")); len(more) > 0 {
		paths = append(paths, r.plan.File("conf.d"))
	}
	diags := validate(ctx, !r.noPlugins, paths...)
	var text strings.Builder
	if err := diags.WriteText(&text, r.app.colour()); err != nil {
		return err
	}
	fmt.Fprint(r.app.Err, stage.Final(text.String()))
	if diags.HasErrors() {
		return usage("the configuration could not be used, nothing was written")
	}
	return nil
}

// confirm shows what is to be written and asks back.
func (r *setupRun) confirm(ctx context.Context) error {
	if !r.asks() {
		return nil
	}
	fmt.Fprintf(r.app.Err, "\n%s\n", r.plan.HCL())
	ok, err := r.interview.Confirm(ctx, "Write "+r.plan.File(setup.Configuration)+" and the files with secrets?")
	if err == nil && !ok {
		err = failf(ExitError, "not confirmed, nothing was written")
	}
	return err
}

// report tells what was written and what comes next.
func (r *setupRun) report(files []setup.File) error {
	next := r.plan.Next(r.owner)
	if done, err := r.format.structured(r.app.Out, struct {
		Files []setup.File `json:"files"`
		Next  []setup.Step `json:"next"`
	}{files, next}); done {
		return err
	}
	t := &table{head: []string{"File", "Mode", "Owner", "State"}}
	for _, f := range files {
		state := "written"
		switch {
		case f.Kept:
			state = "kept"
		case f.Backup != "":
			state = "replaced, was " + f.Backup
		}
		t.add(f.Path, f.Mode, f.Owner, state)
	}
	if err := t.write(r.app.Out); err != nil {
		return err
	}
	for _, s := range next {
		if _, err := fmt.Fprintf(r.app.Out, "\n%s:\n  %s\n", s.What, strings.Join(s.Commands, "\n  ")); err != nil {
			return wrapOutput(err)
		}
	}
	return nil
}
