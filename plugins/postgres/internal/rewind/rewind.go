// SPDX-License-Identifier: Apache-2.0

package rewind

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

var (
	// ErrHopeless says that only a clone helps.
	ErrHopeless = errors.New("only a clone helps")
	// ErrNotNow says that it may work later or with another source; nothing was changed.
	ErrNotNow = errors.New("not possible now")
)

// Interrupted is what an operator reads when pg_rewind did not end well.
const Interrupted = "a rewind was interrupted: the data directory can only be replaced by a clone"

// Report is told what is going on, with bytes done and in all; 0 when they are not known.
type Report func(phase string, done, total uint64, message string)

// Run makes the data directory, on which no process works, fit to follow p. When nothing diverged it
// touches nothing. ErrHopeless: only a clone helps. ErrNotNow: nothing was changed.
func Run(ctx context.Context, c *config.Config, p conf.Peer, report Report) error {
	if broken, err := datadir.Rewinding.On(c); broken || err != nil {
		return errors.Join(fmt.Errorf("%w: %s", ErrHopeless, Interrupted), err)
	}
	r := &run{c: c, peer: p, report: report}
	report("comparing", 0, 0, "")
	needed, err := r.compare(ctx)
	if !needed || err != nil {
		return err
	}
	return r.rewind(ctx)
}

// run is one rewind.
type run struct {
	c      *config.Config
	peer   conf.Peer
	report Report
	local  local
	source source
}

// compare tells whether a rewind is needed.
func (r *run) compare(ctx context.Context) (bool, error) {
	k, err := datadir.ReadControl(ctx, r.c, r.c.DataDir)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	if r.local, err = readLocal(r.c.DataDir, k); err != nil {
		return false, fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	if r.source, err = askSource(ctx, r.c, r.peer); err != nil {
		return false, fmt.Errorf("%w: source: %w", ErrNotNow, err)
	}
	v, fork, why := compare(r.local, r.source)
	switch v {
	case follows:
		return false, nil
	case sameLine:
		return false, r.compareBytes(ctx)
	case diverged:
		r.report("comparing", 0, 0, fmt.Sprintf("the histories part at %s, the local log ends at %s", fork, r.local.end.LSN))
		return true, r.possible()
	}
	return false, fmt.Errorf("%w: %s", ErrHopeless, why)
}

func (r *run) compareBytes(ctx context.Context) error {
	if r.c.Rewind.Password == "" && r.c.Rewind.SSLCert == "" {
		return nil
	}
	conn, err := session.Remote(ctx, r.c, r.peer)
	if err != nil {
		return fmt.Errorf("%w: source: %w", ErrNotNow, err)
	}
	defer conn.Close()
	same, err := sameBytes(ctx, conn, r.c.DataDir, r.local)
	if err != nil {
		return fmt.Errorf("%w: comparison: %w", ErrNotNow, err)
	}
	if !same {
		return fmt.Errorf("%w: the log at %s is not the primary's on the same timeline", ErrHopeless, r.local.end.LSN)
	}
	return nil
}

// possible tells why a rewind cannot be done at all.
func (r *run) possible() error {
	switch {
	case !r.c.UseRewind:
		return fmt.Errorf("%w: the history diverged and rewinding is off", ErrHopeless)
	case !r.local.control.Checksums && !r.local.control.LogHints:
		return fmt.Errorf("%w: the history diverged, and without data checksums or wal_log_hints it cannot be rewound", ErrHopeless)
	}
	return nil
}

func (r *run) rewind(ctx context.Context) error {
	r.report("waiting for the primary's checkpoint", 0, 0, "")
	conn, err := session.Remote(ctx, r.c, r.peer)
	if err != nil {
		return fmt.Errorf("%w: source: %w", ErrNotNow, err)
	}
	err = awaitCheckpoint(ctx, conn, r.source.timeline)
	conn.Close()
	if err != nil {
		return err
	}
	if err := r.keep(ctx); err != nil {
		r.report("keeping the diverged log", 0, 0, "diverged log could not be kept: "+err.Error())
	}
	if !r.local.control.Clean() {
		if err := r.recover(ctx); err != nil {
			return err
		}
	}
	if _, err := conf.Write(r.c, r.c.DataDir, conf.Intent{Upstream: &r.peer}); err != nil {
		return err
	}
	if err := r.attempt(ctx); err != nil {
		return err
	}
	return r.program(ctx)
}

// recover replays the whole local log in single-user mode, which ends with a clean shutdown.
func (r *run) recover(ctx context.Context) error {
	r.report("recovering", 0, 0, "")
	if err := datadir.RemoveStalePID(r.c.DataDir); err != nil {
		return err
	}
	if err := conf.ClearStandby(r.c.DataDir); err != nil {
		return err
	}
	cmd := r.c.OS.Command(r.c.Program("postgres"), "--single", "-D", r.c.DataDir,
		"-c", "archive_mode=off", "-c", "shared_preload_libraries=", "-c", "logging_collector=off", "template1")
	err := proc.Run(ctx, cmd, nil)
	if again := conf.SetStandby(r.c, r.c.DataDir); err == nil {
		err = again
	}
	if err != nil {
		return fmt.Errorf("%w: recovery before the rewind: %w", ErrNotNow, err)
	}
	return nil
}

// attempt tries pg_rewind without effect. pg_rewind looks at what was replayed, not at what lies in the
// log: when it finds nothing to do, the log that diverged has to be replayed before it can be undone.
func (r *run) attempt(ctx context.Context) error {
	for range 2 {
		r.report("trying", 0, 0, "")
		idle := false
		err := proc.Run(ctx, r.command("--dry-run"), func(line string) {
			idle = idle || strings.Contains(line, "no rewind required")
		})
		if err != nil {
			return classify(ctx, err)
		}
		if !idle {
			return nil
		}
		if err := r.recover(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: pg_rewind does not see that the history diverged", ErrHopeless)
}

// program runs pg_rewind in earnest. From here on nothing interrupts it: half a rewind leaves nothing of
// use.
func (r *run) program(ctx context.Context) error {
	if err := datadir.Rewinding.Set(r.c, r.c.DataDir); err != nil {
		return err
	}
	r.report("rewinding", 0, 0, "")
	line := func(s string) {
		if done, total, ok := progress(s); ok {
			r.report("rewinding", done, total, "")
		}
	}
	if err := proc.Run(context.WithoutCancel(ctx), r.command("--progress"), line); err != nil {
		return fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	if err := r.settle(); err != nil {
		return fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	return nil
}

func (r *run) command(option string) *exec.Cmd {
	args := []string{
		"--target-pgdata=" + r.c.DataDir, "--no-ensure-shutdown", option,
		"--source-server=" + conf.Conninfo(r.c, r.c.Rewind, r.peer, "pgvigil rewind of "+r.c.Member, "postgres"),
	}
	if r.c.RestoreCommand != "" {
		args = append(args, "--restore-target-wal")
	}
	cmd := r.c.OS.Command(r.c.Program("pg_rewind"), args...)
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return cmd
}

// settle makes what pg_rewind left a standby's directory of this member, and only then takes the mark away.
func (r *run) settle() error {
	r.report("settling", 0, 0, "")
	if _, err := conf.Write(r.c, r.c.DataDir, conf.Intent{}); err != nil {
		return err
	}
	if err := conf.SetStandby(r.c, r.c.DataDir); err != nil {
		return err
	}
	if err := datadir.Labelled.Set(r.c, r.c.DataDir); err != nil {
		return err
	}
	return datadir.Rewinding.Clear(r.c)
}

var passing = regexp.MustCompile(`(?i)connect|connection|terminating|timeout|starting up|shutting down|no space left|too many clients`)

// classify tells whether a failed trial may succeed later.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if passing.MatchString(err.Error()) {
		return fmt.Errorf("%w: %w", ErrNotNow, err)
	}
	return fmt.Errorf("%w: %w", ErrHopeless, err)
}

var kilobytes = regexp.MustCompile(`^(\d+)/(\d+) kB `)

func progress(line string) (done, total uint64, ok bool) {
	m := kilobytes.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil {
		return 0, 0, false
	}
	done, err := strconv.ParseUint(m[1], 10, 50)
	if err != nil {
		return 0, 0, false
	}
	total, err = strconv.ParseUint(m[2], 10, 50)
	return done << 10, total << 10, err == nil
}
