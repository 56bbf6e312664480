// SPDX-License-Identifier: Apache-2.0

// Command pgvigil-plugin-etcd lets a cluster agree through etcd.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/etcd/internal/service"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

const version = "0.1.0"

func main() {
	stayModest()
	sdk.Serve(plugin())
}

func plugin() sdk.Plugin {
	s := new(service.Service)
	return sdk.Plugin{
		Name:         "etcd",
		Version:      version,
		Capabilities: []string{"dcs.read", "dcs.commit", "dcs.watch", "dcs.examine"},
		Schema:       conf.Schema(),
		Validate:     s.Validate,
		Configure:    s.Configure,
		Health:       s.Health,
		Stop:         s.Stop,
		DCS:          s,
	}
}

// stayModest keeps a process that handles a few small messages a second small.
func stayModest() {
	runtime.GOMAXPROCS(1) // a second processor would mostly wake up to find nothing
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(48 << 20)
	}
}
