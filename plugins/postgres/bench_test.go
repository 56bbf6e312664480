// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// BenchmarkIdle measures what the plugins of a primary and of a standby cost while nothing happens: one
// iteration is a second, observed as a supervisor does.
func BenchmarkIdle(b *testing.B) {
	found := strings.Split(os.Getenv("PGVIGIL_TEST_PG"), ":")
	if found[0] == "" {
		found[0] = "/usr/lib/postgresql/15/bin"
	}
	p, s := pair(b, found[0])
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, h := range []*host{p, s} {
		stream, err := h.client().Observe(ctx, &pluginv1.ObserveRequest{IntervalNs: int64(time.Second)})
		must(b, "observation", err)
		go func() {
			for {
				if _, err := stream.Recv(); err != nil {
					return
				}
			}
		}()
	}
	before, began := [2]float64{cpu(b, p), cpu(b, s)}, time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
	}
	seconds := time.Since(began).Seconds()
	b.ReportMetric((cpu(b, p)-before[0])/seconds*100, "primary-cpu-%")
	b.ReportMetric((cpu(b, s)-before[1])/seconds*100, "standby-cpu-%")
	b.ReportMetric(memory(b, p, "Rss:"), "primary-rss-MiB")
	b.ReportMetric(memory(b, p, "Pss:"), "primary-pss-MiB")
	b.ReportMetric(memory(b, s, "Rss:"), "standby-rss-MiB")
	p.stop(b, time.Second)
	s.stop(b, time.Second)
}

// BenchmarkPromote measures a promotion, from the call to its end.
func BenchmarkPromote(b *testing.B) {
	h := newHost(b, "/usr/lib/postgresql/15/bin", "alpha")
	h.bootstrap(b)
	for b.Loop() {
		b.StopTimer()
		h.start(b, nil)
		b.StartTimer()
		h.promote(b, 0, "beta", "gamma")
		b.StopTimer()
		h.stop(b, 10*time.Second)
		b.StartTimer()
	}
}

// cpu is the processor time of a plugin, in seconds.
func cpu(t testing.TB, h *host) float64 {
	t.Helper()
	var total float64
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(h.process.PID()) + "/task")
	must(t, "threads", err)
	for _, task := range tasks {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(h.process.PID()) + "/task/" + task.Name() + "/schedstat")
		must(t, "processor time", err)
		ns, err := strconv.ParseFloat(strings.Fields(string(raw))[0], 64)
		must(t, "processor time", err)
		total += ns / 1e9
	}
	return total
}

// memory is a line of smaps_rollup, in MiB.
func memory(t testing.TB, h *host, line string) float64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(h.process.PID()) + "/smaps_rollup")
	must(t, "memory", err)
	for l := range strings.Lines(string(raw)) {
		if f := strings.Fields(l); len(f) > 1 && f[0] == line {
			kb, err := strconv.ParseFloat(f[1], 64)
			must(t, "memory", err)
			return kb / 1024
		}
	}
	return 0
}
