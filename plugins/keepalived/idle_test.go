// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

// BenchmarkIdle measures what the plugin and HAProxy cost in a second in which nothing happens but what the supervisor
// repeats: the routes and the question for health, both every 5 s.
func BenchmarkIdle(b *testing.B) {
	for _, follow := range []string{"primary", "haproxy"} {
		b.Run(follow, func(b *testing.B) { idle(b, follow) })
	}
}

func idle(b *testing.B, follow string) {
	hosts := newHosts(b, 1, follow)
	h := hosts[0]
	h.startKeepalived()
	h.startPostgres()
	if follow == "haproxy" {
		h.startHAProxy(hosts)
	}
	h.startPlugin()
	h.apply(1, h)
	h.eventuallyWell()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	plugin, proxy := cpu(b, h.plugin.PID()), h.haproxy.cpu()
	b.ResetTimer()
	for i := range b.N {
		<-tick.C
		if i%5 == 0 {
			h.apply(1, h)
			h.health()
		}
	}
	b.ReportMetric(float64((cpu(b, h.plugin.PID())-plugin).Microseconds())/float64(b.N), "µs-plugin/s")
	b.ReportMetric(float64((h.haproxy.cpu()-proxy).Microseconds())/float64(b.N), "µs-haproxy/s")
}

// cpu of the program; none if there is no program.
func (d *daemon) cpu() time.Duration {
	if d == nil {
		return 0
	}
	return cpu(d.t, d.cmd.Process.Pid)
}
