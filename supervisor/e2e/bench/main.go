// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
)

// settings are the flags.
type settings struct {
	runs             int
	bin, pgBin, only string
	ttl, idle, load  time.Duration
	patroni, logs    string
	out              io.Writer
}

func main() {
	s := settings{out: os.Stdout}
	flag.IntVar(&s.runs, "n", 10, "how often each fault is measured")
	flag.StringVar(&s.bin, "bin", "build", "directory of pgvigil's programs")
	flag.StringVar(&s.pgBin, "pg", "", "directory of PostgreSQL's programs (default: first of PGVIGIL_TEST_PG, or the newest installed)")
	flag.StringVar(&s.only, "only", "", "measure only what begins with this: footprint, rest, gap, or gap and the name of a fault")
	flag.DurationVar(&s.ttl, "ttl", 3*time.Second, "ttl of the leadership")
	flag.DurationVar(&s.idle, "idle", time.Minute, "how long the idle cluster is watched")
	flag.DurationVar(&s.load, "load", 5*time.Second, "how long each load on the REST interface lasts")
	flag.StringVar(&s.patroni, "patroni", "", "launcher of Patroni, to measure its footprint beside (second line of contrib/lab/postgres17.sh --patroni)")
	flag.StringVar(&s.logs, "logs", "", "directory to keep the cluster and its logs in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is one of the tables.
type part struct {
	name    string
	measure func(context.Context, settings, *lab.Cluster) error
}

func run(ctx context.Context, s settings) (err error) {
	if s.pgBin == "" {
		bins, err := bare.BinDirs()
		if err != nil {
			return err
		}
		s.pgBin = bins[0]
	}
	c, err := lab.New(lab.Options{
		Bin: s.bin, PGBin: s.pgBin, TTL: s.ttl, Netns: lab.Preflight() == nil, Dir: s.logs, Keep: s.logs != "",
	})
	if err != nil {
		return err
	}
	defer func() {
		if failed := c.Close(); err == nil {
			err = failed
		}
	}()
	up, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := c.Up(up); err != nil {
		return err
	}
	s.introduce()
	for _, p := range []part{{"footprint", footprint}, {"rest", rest}, {"gap", gaps}} {
		if s.wants(p.name) || strings.HasPrefix(s.only, p.name) {
			if err := p.measure(ctx, s, c); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

func (s settings) wants(name string) bool { return strings.HasPrefix(name, s.only) }

func (s settings) introduce() {
	hosts := "loopback addresses (connections of a killed host are reset)"
	if lab.Preflight() == nil {
		hosts = "network namespaces"
	}
	fmt.Fprintf(s.out, "PostgreSQL %s, async, ttl %s, three nodes with embedded etcd in %s on one machine.\n\n",
		filepath.Base(filepath.Dir(s.pgBin)), s.ttl, hosts)
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
