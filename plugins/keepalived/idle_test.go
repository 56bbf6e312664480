// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// BenchmarkIdle measures what the plugin costs, and HAProxy by being asked, while nothing happens.
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
	pids := map[string]int{"plugin": h.plugin.PID()}
	if h.haproxy != nil {
		pids["haproxy"] = h.haproxy.cmd.Process.Pid
	}
	plugintest.IdleRouter(b, h.conn, h.routes(1, h), pids)
}
