// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// BenchmarkDetach measures the detachment of a standby that streams what two writers write, from the call to its end.
func BenchmarkDetach(b *testing.B) {
	eachBench(b, func(b *testing.B, bin string) {
		p, s := pair(b, bin)
		p.mustSQL(b, "CREATE TABLE load (i int)")
		var w writers
		w.run(p, 2)
		var took []time.Duration
		for b.Loop() {
			b.StopTimer()
			s.follow(b, p)
			s.awaitStreaming(b)
			b.StartTimer()
			began := time.Now()
			s.detach(b)
			took = append(took, time.Since(began))
		}
		report(b, took)
		p.stop(b, 0)
		w.wait.Wait()
		s.stop(b, time.Second)
	})
}

// BenchmarkSettle measures a change of synchronous_standby_names that forbids what was allowed, with two writers, from
// the call to its end.
func BenchmarkSettle(b *testing.B) {
	eachBench(b, func(b *testing.B, bin string) {
		p, s := pair(b, bin)
		p.mustSQL(b, "CREATE TABLE load (i int)")
		var w writers
		w.run(p, 2)
		var took []time.Duration
		for b.Loop() {
			for _, names := range []string{`ANY 1 ("beta", "gamma")`, `ANY 1 ("beta")`} {
				began := time.Now()
				_, err := p.client().Apply(within(b), &pluginv1.ApplyRequest{
					Epoch: 1, Members: []string{"beta"}, SynchronousStandbyNames: names, Settle: true,
				})
				must(b, "apply", err)
				took = append(took, time.Since(began))
			}
		}
		report(b, took)
		p.stop(b, 0)
		w.wait.Wait()
		s.stop(b, time.Second)
	})
}

// BenchmarkRepoint measures how long a promotion takes, from the call to the first commit that a standby acknowledged which
// was made to follow before it; and how much of that was after the end of recovery.
func BenchmarkRepoint(b *testing.B) {
	eachBench(b, func(b *testing.B, bin string) {
		x, y, z := trio(b, bin)
		for _, h := range []*host{x, y, z} {
			_, err := h.client().Apply(within(b), &pluginv1.ApplyRequest{Epoch: 1, Members: others(h, x, y, z)})
			must(b, "slots", err)
		}
		var took, after []time.Duration
		for b.Loop() {
			b.StopTimer()
			y.awaitStreaming(b)
			z.awaitStreaming(b)
			x.stop(b, 30*time.Second)
			y.detach(b)
			z.follow(b, y)
			l := y.mustDial(b)
			b.StartTimer()
			all, rest := firstCommit(b, l, func() {
				must(b, "promotion", finish(y.client().Promote(within(b), &pluginv1.PromoteRequest{
					Epoch: 1, Members: others(y, x, y, z), SynchronousStandbyNames: `ANY 1 ("` + z.name + `")`,
				})))
			})
			b.StopTimer()
			took, after = append(took, all), append(after, rest)
			x.start(b, y)
			x, y, z = y, z, x
			b.StartTimer()
		}
		report(b, took)
		slices.Sort(after)
		b.ReportMetric(float64(after[len(after)/2].Microseconds())/1000, "after-recovery-median-ms")
		for _, h := range []*host{x, y, z} {
			h.stop(b, 0)
		}
	})
}

// firstCommit commits as soon as a call has made the server writable, and tells how long after the begin of the call, and after
// the end of recovery, that was acknowledged.
func firstCommit(b *testing.B, l *line, call func()) (all, rest time.Duration) {
	began := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for l.mustSQL(b, "SELECT pg_is_in_recovery()") == "t" {
		<-tick.C
	}
	opened := time.Now()
	l.mustSQL(b, "INSERT INTO load VALUES (1)")
	all, rest = time.Since(began), time.Since(opened)
	<-done
	return all, rest
}

// others are the names of all but one.
func others(not *host, all ...*host) []string {
	var out []string
	for _, h := range all {
		if h != not {
			out = append(out, h.name)
		}
	}
	return out
}

// eachBench runs a benchmark once per PostgreSQL.
func eachBench(b *testing.B, f func(b *testing.B, bin string)) {
	b.Helper()
	for _, bin := range versions(b) {
		b.Run(testName(bin), func(b *testing.B) { f(b, bin) })
	}
}

// report gives the median and the worst.
func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "worst-ms")
	b.ReportMetric(float64(len(took)), "n")
}
