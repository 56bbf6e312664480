// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// fault is something that happens to the primary; mend undoes what does not undo itself. Both may be nil.
type fault struct {
	name       string
	play, mend func(context.Context, *lab.Cluster, *lab.Node) error
}

func faults() []fault {
	plugin := func(name string, sig syscall.Signal) func(context.Context, *lab.Cluster, *lab.Node) error {
		return func(_ context.Context, _ *lab.Cluster, n *lab.Node) error { return n.SignalPlugin(name, sig) }
	}
	return []fault{
		{"nothing", func(context.Context, *lab.Cluster, *lab.Node) error { return nil }, nil},
		{"postmaster kill -9", node((*lab.Node).KillPostmaster), nil},
		{"switchover", func(ctx context.Context, _ *lab.Cluster, n *lab.Node) error { return n.Switchover(ctx, nil) }, nil},
		{"supervisor kill -9, restarted", node(func(n *lab.Node) error { return errors.Join(n.KillSupervisor(), n.StartSupervisor()) }), nil},
		{"etcd plugin kill -9", plugin("etcd", syscall.SIGKILL), nil},
		{"postgres plugin kill -9", plugin("postgres", syscall.SIGKILL), nil},
		{"etcd leader kill -9", killEtcdLeader, startEtcds},
		{"host lost", node((*lab.Node).KillHost), node((*lab.Node).StartHost)},
	}
}

func node(f func(*lab.Node) error) func(context.Context, *lab.Cluster, *lab.Node) error {
	return func(_ context.Context, _ *lab.Cluster, n *lab.Node) error { return f(n) }
}

func killEtcdLeader(ctx context.Context, c *lab.Cluster, _ *lab.Node) error {
	leader, err := c.EtcdLeader(ctx)
	if err != nil {
		return err
	}
	return leader.KillEtcd()
}

func startEtcds(_ context.Context, c *lab.Cluster, _ *lab.Node) error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.StartEtcd())
	}
	return errors.Join(errs...)
}

// gaps measures how long one client that connects to the nodes directly goes without an acknowledged write.
func gaps(ctx context.Context, s settings, c *lab.Cluster) error {
	fmt.Fprintf(s.out, "Longest time between two acknowledged writes of one client around a fault, in milliseconds.\n\n")
	s.head("fault", "n", "median", "worst", "acknowledged writes lost")
	for _, f := range faults() {
		if !s.wants("gap " + f.name) {
			continue
		}
		if err := measure(ctx, s, c, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	fmt.Fprintln(s.out)
	return nil
}

func measure(ctx context.Context, s settings, c *lab.Cluster, f fault) error {
	var seen []time.Duration
	lost := 0
	for i := range s.runs {
		gap, gone, err := once(ctx, c, f)
		if err != nil {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d: %s\n", f.name, i+1, s.runs, gap.Round(time.Millisecond))
		seen = append(seen, gap)
		lost += gone
	}
	slices.Sort(seen)
	s.row(f.name, len(seen), median(seen).Milliseconds(), seen[len(seen)-1].Milliseconds(), lost)
	return nil
}

// median of sorted times.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// once plays the fault on a healthy cluster under writes and waits until it is healthy again.
func once(ctx context.Context, c *lab.Cluster, f fault) (gap time.Duration, lost int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := c.WaitHealthy(ctx); err != nil {
		return 0, 0, err
	}
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return 0, 0, err
	}
	book := ledger.New(1, nil)
	config, err := c.ClientConfig(250 * time.Millisecond)
	if err != nil {
		return 0, 0, err
	}
	writer := &ledger.Writer{Config: config, Ledger: book, Timeout: 500 * time.Millisecond}
	if err := writer.Start(ctx); err != nil {
		return 0, 0, err
	}
	gap, err = interrupted(ctx, c, f, primary, book)
	if err := errors.Join(err, writer.Stop()); err != nil {
		return 0, 0, err
	}
	lost, err = count(ctx, c, book)
	return gap, lost, err
}

func interrupted(ctx context.Context, c *lab.Cluster, f fault, primary *lab.Node, book *ledger.Ledger) (time.Duration, error) {
	if err := acks(ctx, book, 0, 100); err != nil {
		return 0, err
	}
	mark := boottime.Now()
	if err := f.play(ctx, c, primary); err != nil {
		return 0, err
	}
	// What the fault interrupts begins within this time; a fault that interrupts nothing shows nothing.
	pause(ctx, 1500*time.Millisecond)
	if err := acks(ctx, book, boottime.Now(), 100); err != nil {
		return 0, err
	}
	gap := book.Gap(mark)
	if f.mend != nil {
		if err := f.mend(ctx, c, primary); err != nil {
			return 0, err
		}
	}
	return gap, c.WaitHealthy(ctx)
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
