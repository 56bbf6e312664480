// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// BenchmarkIdle measures what the plugin costs while nothing happens.
func BenchmarkIdle(b *testing.B) {
	m1, m2 := silent(b, "m1"), silent(b, "m2")
	h := haproxytest.Start(b, haproxytest.Installed(b), sections(noChecks, m1, m2))
	p := &plugintest.Process{Path: plugintest.Build(b, "."), AutoMTLS: true}
	c := configured(b, p.Start(b), bodyFor(h), plugintest.Host(b, "m1"))
	c.apply(b, routesTo(5, m1, m2))
	plugintest.IdleRouter(b, c.conn, routesTo(5, m1, m2), map[string]int{"plugin": p.PID()})
}
