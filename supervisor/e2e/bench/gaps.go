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
		t, err := direct(c)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Longest time between two acknowledged writes of one client around a fault, and while all gets well afterwards, in milliseconds.\n\n")
		s.head("fault", "n", "median", "worst", "goal", "worst afterwards", "acknowledged writes lost", "acknowledged by a replaced primary")
		for _, f := range faults {
			if !s.wants(name + " " + f.name) {
				continue
			}
			sum, err := repeat(ctx, t, f, s.repeats(c.Durability()))
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			s.row(f.name, len(sum.gaps), sum.median().Milliseconds(), sum.worst().Milliseconds(), f.goal(), sum.afterwards.Milliseconds(), sum.lost, sum.overtaken)
		}
		fmt.Fprintln(s.out)
		return nil
	}
}

// damage is what one fault did. Of the lost writes, those of the client on the primary's host are told apart.
type damage struct {
	gap, afterwards       time.Duration
	lost, host, overtaken int
}

// sum is what a fault did, time and again.
type sum struct {
	gaps []time.Duration // sorted
	damage
}

func (s sum) median() time.Duration {
	n := len(s.gaps)
	return (s.gaps[(n-1)/2] + s.gaps[n/2]) / 2
}

func (s sum) worst() time.Duration { return s.gaps[len(s.gaps)-1] }

// repeat plays a fault n times. With an error it returns what was seen before.
func repeat(ctx context.Context, t trial, f fault, n int) (all sum, err error) {
	for i := range n {
		r, err := once(ctx, t, f)
		if err != nil {
			return all, fmt.Errorf("run %d: %w", i+1, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %s: %d of %d: %s, %s afterwards\n", t.name, f.name, i+1, n, r.gap.Round(time.Millisecond), r.afterwards.Round(time.Millisecond))
		at, _ := slices.BinarySearch(all.gaps, r.gap)
		all.gaps = slices.Insert(all.gaps, at, r.gap)
		all.afterwards = max(all.afterwards, r.afterwards)
		all.lost, all.host, all.overtaken = all.lost+r.lost, all.host+r.host, all.overtaken+r.overtaken
	}
	return all, nil
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

// once plays the fault on a healthy cluster under writes and waits until it is healthy again.
func once(ctx context.Context, t trial, f fault) (r damage, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	primary, err := t.begin(ctx)
	if err != nil {
		return r, err
	}
	if f.ready != nil {
		if err := f.ready(ctx, t.Cluster, primary); err != nil {
			return r, err
		}
	}
	w, err := startWriters(ctx, t.client, primary)
	if err != nil {
		return r, err
	}
	r.gap, r.afterwards, err = interrupted(ctx, t, f, primary, w.book)
	if err := errors.Join(err, w.stop()); err != nil {
		return r, err
	}
	r.overtaken = len(w.book.Overtaken())
	r.lost, r.host, err = count(ctx, t.Cluster, w)
	return r, err
}

func interrupted(ctx context.Context, t trial, f fault, primary *lab.Node, book *ledger.Ledger) (gap, afterwards time.Duration, err error) {
	if err := acks(ctx, book, 0, 100); err != nil {
		return 0, 0, err
	}
	mark := boottime.Now()
	if err := f.play(ctx, t.Cluster, primary); err != nil {
		return 0, 0, err
	}
	// What the fault interrupts begins within this time; a fault that interrupts nothing shows nothing.
	pause(ctx, 1500*time.Millisecond)
	if err := acks(ctx, book, boottime.Now(), 100); err != nil {
		return 0, 0, err
	}
	gap, mended := book.Gap(mark), boottime.Now()
	if f.mend != nil {
		if err := f.mend(ctx, t.Cluster, primary); err != nil {
			return 0, 0, err
		}
	}
	if err := t.well(ctx); err != nil {
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

// count tells how many acknowledged writes are lost, and how many of them are those of the client on the primary's host.
func count(ctx context.Context, c *lab.Cluster, w *writers) (lost, host int, err error) {
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return 0, 0, err
	}
	conn, err := primary.ConnectSuperuser(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	report, err := w.book.Verify(ctx, conn)
	for _, e := range slices.Concat(report.Missing, report.Discarded) {
		if e.Client > 0 {
			host++
		}
	}
	return report.Lost(), host, err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
