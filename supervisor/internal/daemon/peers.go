// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/peers"
)

// openPeers begins to listen for the other supervisors, at the address of the REST interface.
func (d *Daemon) openPeers(policy core.Policy) (*peers.Peers, error) {
	p := peers.New(peers.Config{
		Cluster: d.Config.Cluster.Name, Namespace: d.Config.Cluster.Namespace, Name: d.Config.Cluster.Member,
		Listen: d.Config.API.Listen, Interval: policy.BeatInterval(), ProbeGrace: policy.ProbeGrace(), Clock: bootNow, Log: d.Log,
	})
	err := p.Open()
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen of block api: UDP %s is in use by another process: %w", d.Config.API.Listen, err)
	}
	return p, err
}
