// SPDX-License-Identifier: Apache-2.0

// Package demo shows what pgvigil does: a real cluster of three nodes on loopback addresses of this machine, with a
// writer, that the watcher may break with a key press. Unattended, it plays a fixed story and judges how it went.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/pgbin"
)

// Demo is what to show and where.
type Demo struct {
	// Script plays the story; otherwise there is a live view, which needs Terminal.
	Script bool
	// Dir is to hold everything: it must be empty or not exist. Empty: a new directory under /tmp.
	Dir string
	// PGBin holds PostgreSQL's programs. Empty: the newest version found on this machine.
	PGBin string
	// Bin holds pgvigil's programs. Empty: where the running one is.
	Bin string
	// Durability of commits: quorum (the default) or async.
	Durability string
	// TTL of the leadership; default 3 s.
	TTL time.Duration
	// Keep leaves Dir in place at the end.
	Keep bool

	// In and Out are the terminal, or at least where the story is told.
	In  io.Reader
	Out io.Writer
	// Terminal tells whether a person is at In and Out.
	Terminal bool
	// Environ is the environment, in which TERM and NO_COLOR count.
	Environ []string
}

// ErrNoTerminal says that the live view has nobody to look at it.
var ErrNoTerminal = errors.New("the live view needs a terminal; without one, play the story: pgvigil demo --script")

// ErrUsage says that the demo was asked for something it cannot do.
var ErrUsage = errors.New("cannot be")

// ErrFailed says that the story did not go as it should; the details have been told.
var ErrFailed = errors.New("the story did not go as it should")

// The durabilities, as in the configuration.
const (
	quorum = "quorum"
	async  = "async"
)

const (
	defaultTTL = 3 * time.Second
	minTTL     = time.Second
	maxTTL     = 30 * time.Second
)

// Run shows the demo until the watcher has seen enough, the story is over, or ctx ends. Whatever ends it, nothing of the
// cluster is left, but what Keep asks for and, when the story failed, the logs.
func (d *Demo) Run(ctx context.Context) (err error) {
	if err := d.fill(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	t := &teller{out: d.Out}
	pg, err := d.postgres(ctx)
	if err != nil {
		return err
	}
	t.say("PostgreSQL %s in %s", pg.Version, pg.Bin)
	p := &place{wanted: d.Dir, keep: d.Keep}
	defer func() { err = errors.Join(err, p.close(t)) }()
	if err := p.open(d.Bin); err != nil {
		return err
	}
	cluster, err := lab.New(lab.Options{Dir: p.dir, Name: "demo", Bin: p.bin, PGBin: pg.Bin, TTL: d.TTL, Durability: d.Durability})
	if err != nil {
		return fmt.Errorf("lay out the cluster: %w", err)
	}
	s := newStage(cluster, pg.Version, d.TTL)
	defer func() { err = errors.Join(err, s.close(t)) }()
	return d.show(ctx, t, s, p)
}

// postgres is the installation that was asked for, by default the newest.
func (d *Demo) postgres(ctx context.Context) (pgbin.Installation, error) {
	if d.PGBin != "" {
		p, err := pgbin.Inspect(ctx, d.PGBin)
		if err != nil {
			err = fmt.Errorf("--pg-bin %s %w: %w", d.PGBin, ErrUsage, err)
		}
		return p, err
	}
	found, err := pgbin.Find(ctx)
	if err != nil {
		return pgbin.Installation{}, err
	}
	return found[0], nil
}

func (d *Demo) fill() error {
	if !d.Script && !d.Terminal {
		return ErrNoTerminal
	}
	if d.TTL == 0 {
		d.TTL = defaultTTL
	}
	if d.Durability == "" {
		d.Durability = quorum
	}
	if d.Durability != quorum && d.Durability != async {
		return fmt.Errorf("a durability of %q %w: it is %s or %s", d.Durability, ErrUsage, quorum, async)
	}
	if d.TTL < minTTL || d.TTL > maxTTL {
		return fmt.Errorf("a ttl of %s %w: it is from %s to %s here", d.TTL, ErrUsage, minTTL, maxTTL)
	}
	return nil
}

// show starts the cluster and then plays or lets play. The logs of a failure are told, and put aside before they go.
func (d *Demo) show(ctx context.Context, t *teller, s *stage, p *place) error {
	err := s.boot(ctx, t)
	switch {
	case err != nil:
		err = fmt.Errorf("start the cluster: %w", err)
	case d.Script:
		err = play(ctx, t, s)
	default:
		err = d.watch(ctx, t, s)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return errors.Join(err, p.saveLogs(t, s.Nodes))
	}
	return nil
}
