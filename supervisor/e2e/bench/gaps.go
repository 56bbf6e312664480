// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// gaps measures how long one client that connects to the nodes directly goes without an acknowledged write.
func gaps(name string, faults []fault) func(context.Context, settings, *lab.Cluster) error {
	return func(ctx context.Context, s settings, c *lab.Cluster) error {
		fmt.Fprintf(s.out, "Longest time between two acknowledged writes of one client around a fault, and while all gets well afterwards, in milliseconds.\n\n")
		s.head("fault", "n", "median", "worst", "goal", "worst afterwards", "acknowledged writes lost", "acknowledged by a replaced primary")
		for _, f := range faults {
			if !s.wants(name + " " + f.name) {
				continue
			}
			if err := measure(ctx, s, c, f); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		fmt.Fprintln(s.out)
		return nil
	}
}

// damage is what one fault did.
type damage struct {
	gap, afterwards time.Duration
	lost, overtaken int
}

func measure(ctx context.Context, s settings, c *lab.Cluster, f fault) error {
	var seen []time.Duration
	var sum damage
	repeats := s.repeats(c.Durability())
	for i := range repeats {
		r, err := once(ctx, c, f)
		if err != nil {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d: %s\n", f.name, i+1, repeats, r.gap.Round(time.Millisecond))
		seen = append(seen, r.gap)
		sum.afterwards = max(sum.afterwards, r.afterwards)
		sum.lost, sum.overtaken = sum.lost+r.lost, sum.overtaken+r.overtaken
	}
	slices.Sort(seen)
	s.row(f.name, len(seen), median(seen).Milliseconds(), seen[len(seen)-1].Milliseconds(), f.goal(), sum.afterwards.Milliseconds(), sum.lost, sum.overtaken)
	return nil
}

// goal is what is aimed at, median and worst.
func (f fault) goal() string {
	var texts []string
	if f.median > 0 {
		texts = append(texts, "median "+strconv.FormatInt(f.median.Milliseconds(), 10))
	}
	if f.worst > 0 {
		texts = append(texts, "worst "+strconv.FormatInt(f.worst.Milliseconds(), 10))
	}
	return strings.Join(texts, ", ")
}

// median of sorted times.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// once plays the fault on a healthy cluster under writes and waits until it is healthy again.
func once(ctx context.Context, c *lab.Cluster, f fault) (r damage, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := well(ctx, c); err != nil {
		return r, err
	}
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return r, err
	}
	if f.ready != nil {
		if err := f.ready(ctx, c, primary); err != nil {
			return r, err
		}
	}
	w, err := startWriters(ctx, c, primary)
	if err != nil {
		return r, err
	}
	r.gap, r.afterwards, err = interrupted(ctx, c, f, primary, w.book)
	if err := errors.Join(err, w.stop()); err != nil {
		return r, err
	}
	r.overtaken = len(w.book.Overtaken())
	r.lost, err = count(ctx, c, w.book)
	return r, err
}

// well waits until all nodes stream and, with quorum durability, are waited for.
func well(ctx context.Context, c *lab.Cluster) error {
	if err := c.WaitHealthy(ctx); err != nil {
		return err
	}
	if c.Durability() == "quorum" {
		return c.WaitCohort(ctx, 1, c.Nodes...)
	}
	return nil
}

func interrupted(ctx context.Context, c *lab.Cluster, f fault, primary *lab.Node, book *ledger.Ledger) (gap, afterwards time.Duration, err error) {
	if err := acks(ctx, book, 0, 100); err != nil {
		return 0, 0, err
	}
	mark := boottime.Now()
	if err := f.play(ctx, c, primary); err != nil {
		return 0, 0, err
	}
	// What the fault interrupts begins within this time; a fault that interrupts nothing shows nothing.
	pause(ctx, 1500*time.Millisecond)
	if err := acks(ctx, book, boottime.Now(), 100); err != nil {
		return 0, 0, err
	}
	gap, mended := book.Gap(mark), boottime.Now()
	if f.mend != nil {
		if err := f.mend(ctx, c, primary); err != nil {
			return 0, 0, err
		}
	}
	if err := well(ctx, c); err != nil {
		return 0, 0, err
	}
	return gap, book.Gap(mended), acks(ctx, book, boottime.Now(), 10)
}

// acks waits for that many acknowledged writes sent after an instant.
func acks(ctx context.Context, book *ledger.Ledger, since boottime.Instant, n int) error {
	for book.AckedAfter(since) < n {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("waiting for writes: %w", err)
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

func count(ctx context.Context, c *lab.Cluster, book *ledger.Ledger) (int, error) {
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return 0, err
	}
	conn, err := primary.ConnectSuperuser(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	report, err := book.Verify(ctx, conn)
	return report.Lost(), err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
