// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-plugin-haproxy makes HAProxy follow the primary at once, ahead of its health checks.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/router"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

func main() {
	stayModest()
	sdk.Serve(plugin())
}

// plugin is who the plugin is and what it can do.
func plugin() sdk.Plugin {
	r := router.New()
	return sdk.Plugin{
		Name:         "haproxy",
		Version:      "0.1.0",
		Capabilities: []string{"router.apply", "router.examine"},
		Schema:       conf.Schema(),
		Validate:     conf.Validate,
		Configure:    r.Configure,
		Health:       r.Health,
		Stop:         r.Stop,
		Router:       r,
	}
}

// stayModest keeps a process that says a few words every few seconds small.
func stayModest() {
	runtime.GOMAXPROCS(1)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(32 << 20)
	}
}
