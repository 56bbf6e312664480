// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// BenchmarkIdle measures what the plugin costs, and PgBouncer by being asked, while nothing happens.
func BenchmarkIdle(b *testing.B) {
	p := newPooled(b, "pgbouncer")
	if err := p.r.lead(b, 1, p.pg.endpoint("a")); err != nil {
		b.Fatal(err)
	}
	plugintest.IdleRouter(b, p.r.conn, leading(1, p.pg.endpoint("a")),
		map[string]int{"plugin": p.r.process.PID(), "pgbouncer": p.b.server.cmd.Process.Pid})
}
