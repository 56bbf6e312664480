// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-plugin-keepalived tells Keepalived through a track file whether this host may have the
// virtual address. See README.md beside it.
package main

import (
	"runtime"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/service"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

const version = "0.1.0"

func main() {
	runtime.GOMAXPROCS(1) // a second processor would mostly wake up to find nothing
	sdk.Serve(plugin())
}

func plugin() sdk.Plugin {
	s := new(service.Service)
	return sdk.Plugin{
		Name:         "keepalived",
		Version:      version,
		Capabilities: []string{"router.apply", "router.examine"},
		Schema:       conf.Schema(),
		Validate:     s.Validate,
		Configure:    s.Configure,
		Health:       s.Health,
		Stop:         s.Stop,
		Router:       s,
	}
}
