// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// BenchmarkIdle measures what the plugin costs while nothing happens: one iteration is a second, with calls as
// a supervisor makes them.
func BenchmarkIdle(b *testing.B) {
	m1, m2 := silent(b, "m1"), silent(b, "m2")
	h := haproxytest.Start(b, haproxytest.Installed(b), sections(noChecks, m1, m2))
	p := &plugintest.Process{Path: plugintest.Build(b, "."), AutoMTLS: true}
	c := configured(b, p.Start(b), bodyFor(h), plugintest.Host(b, "m1"))
	c.apply(b, routesTo(5, m1, m2))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, began, n := cpu(b, p.PID()), time.Now(), 0
	for b.Loop() {
		<-tick.C
		if n++; n%5 == 0 {
			c.apply(b, routesTo(5, m1, m2))
			c.healthy(b)
		}
	}
	b.ReportMetric((cpu(b, p.PID())-before).Seconds()/time.Since(began).Seconds()*100, "cpu-%")
}

// cpu is the processor time of a process.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var total time.Duration
	for _, thread := range threads {
		raw, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += time.Duration(ns)
	}
	return total
}
