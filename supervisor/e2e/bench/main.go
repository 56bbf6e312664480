// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
)

// settings are the flags.
type settings struct {
	runs                   int
	bin, pgBin, only       string
	durability             string
	ttl, idle, load, quiet time.Duration
	patroni, logs          string
	peers                  string
	guide, tightest        int
	out                    io.Writer
}

func main() {
	s := settings{out: os.Stdout}
	flag.IntVar(&s.runs, "n", 0, "how often each fault is measured (default: 10, with quorum durability 20)")
	flag.StringVar(&s.bin, "bin", "build", "directory of pgvigil's programs")
	flag.StringVar(&s.pgBin, "pg", "", "directory of PostgreSQL's programs (default: first of PGVIGIL_TEST_PG, or the newest installed)")
	flag.StringVar(&s.only, "only", "", "measure only what begins with this: footprint, start, rest, gap, quorum gap, quorum defaults, quorum quiet, or such a table and the name of a fault")
	flag.StringVar(&s.durability, "durability", "", "async or quorum: measure clusters with that only")
	flag.DurationVar(&s.ttl, "ttl", 3*time.Second, "ttl of the leadership")
	flag.DurationVar(&s.idle, "idle", time.Minute, "how long the idle cluster is watched")
	flag.DurationVar(&s.load, "load", 5*time.Second, "how long each load on the REST interface lasts")
	flag.DurationVar(&s.quiet, "quiet", 10*time.Minute, "how long nobody may be elected under load, and with a slow DCS")
	flag.StringVar(&s.patroni, "patroni", "", "launcher of Patroni, to measure its footprint beside, or for -peers (second line of contrib/lab/postgres17.sh --patroni)")
	flag.StringVar(&s.peers, "peers", "", "compare whole deployments instead, of these separated by commas: pgvigil, guide, tightest (the latter of Patroni); -only is then a fault's name")
	flag.IntVar(&s.guide, "n-guide", 3, "how often each fault is measured on Patroni with a guide's settings")
	flag.IntVar(&s.tightest, "n-tightest", 3, "how often each fault is measured on Patroni with the tightest settings")
	flag.StringVar(&s.logs, "logs", "", "directory to keep the clusters and their logs in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.pgBin == "" {
		bins, err := bare.BinDirs()
		if err != nil {
			return err
		}
		s.pgBin = bins[0]
	}
	if s.peers != "" {
		return compare(ctx, s)
	}
	found := false
	for _, r := range rounds() {
		if r.wanted(s) {
			found = true
			if err := r.run(ctx, s); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("nothing that is measured begins with %q (see -only in -help)", s.only)
	}
	return nil
}

// repeats is how often a fault is measured on a cluster of that durability.
func (s settings) repeats(durability string) int {
	switch {
	case s.runs > 0:
		return s.runs
	case durability == "quorum":
		return 20
	}
	return 10
}

// wants tells whether a table, or a line of it, is asked for.
func (s settings) wants(name string) bool {
	return strings.HasPrefix(name, s.only) || strings.HasPrefix(s.only, name)
}

// row prints a line of a table.
func (s settings) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = fmt.Sprint(cell)
	}
	fmt.Fprintln(s.out, "| "+strings.Join(texts, " | ")+" |")
}

// head prints the head of a table.
func (s settings) head(titles ...any) {
	s.row(titles...)
	fmt.Fprintln(s.out, "|"+strings.Repeat("---|", len(titles)))
}
