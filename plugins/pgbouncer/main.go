// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-plugin-pgbouncer leads PgBouncer to the primary, and holds its clients back in a switchover.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/service"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

const version = "0.1.0"

func main() {
	stayModest()
	sdk.Serve(plugin())
}

func plugin() sdk.Plugin {
	r := service.New(sdk.Logger())
	return sdk.Plugin{
		Name:         "pgbouncer",
		Version:      version,
		Capabilities: []string{"router.apply", "router.pause", "router.examine"},
		Schema:       conf.Schema(),
		Validate:     r.Validate,
		Configure:    r.Configure,
		Health:       r.Health,
		Stop:         r.Stop,
		Router:       r,
	}
}

// stayModest keeps a process that handles a message every few seconds small.
func stayModest() {
	runtime.GOMAXPROCS(1)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(32 << 20)
	}
}
