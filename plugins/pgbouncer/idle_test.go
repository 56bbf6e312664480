// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkIdle is what the supervisor asks every five seconds while nothing happens, and the processor time it takes.
func BenchmarkIdle(b *testing.B) {
	p := newPooled(b, "pgbouncer")
	pids := map[string]int{"plugin": p.r.process.PID(), "pgbouncer": p.b.server.cmd.Process.Pid}
	before := map[string]float64{}
	for name, pid := range pids {
		before[name] = cpu(b, pid)
	}
	for b.Loop() {
		if healthy, message := p.r.health(b); !healthy {
			b.Fatal(message)
		}
		if err := p.r.lead(b, 1, p.pg.endpoint("a")); err != nil {
			b.Fatal(err)
		}
	}
	for name, pid := range pids {
		b.ReportMetric((cpu(b, pid)-before[name])/float64(b.N), name+"-ms/op")
	}
}

// cpu is the processor time of a process so far, in milliseconds.
func cpu(t testing.TB, pid int) float64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	const utime, stime, tick = 11, 12, 10
	sum := 0.0
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n * tick
	}
	return sum
}
