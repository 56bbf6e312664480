// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-plugin-postgres controls the PostgreSQL instance of a host for pgvigild.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/server"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

// version is set by the build.
var version = "0.1.0"

func main() {
	frugal()
	s := server.New(sdk.Logger())
	sdk.Serve(sdk.Plugin{
		Name:         "postgres",
		Version:      version,
		Capabilities: server.Capabilities(),
		Schema:       config.Schema(),
		Validate:     s.Validate,
		Configure:    s.Configure,
		Health:       s.Health,
		Stop:         s.Close,
		Postgres:     s,
	})
}

// frugal keeps the process small: it handles little data, and shares its host with a database. What the
// operator sets in the environment wins.
func frugal() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(64 << 20)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1) // a second processor would mostly wake up to find nothing
	}
}
