// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/peers"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// openPeers begins to listen for the other supervisors, at the address of the REST interface.
func (d *Daemon) openPeers(policy core.Policy) (*peers.Peers, error) {
	secret, diags := d.Config.ReadSecret()
	if err := diags.WriteText(os.Stderr, false); err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, Refused(diags)
	}
	p := peers.New(peers.Config{
		Cluster: d.Config.Cluster.Name, Namespace: d.Config.Cluster.Namespace, Name: d.Config.Cluster.Member, Secret: secret,
		Listen: d.Config.API.Listen, Interval: policy.BeatInterval(), ProbeGrace: policy.ProbeGrace(), Clock: bootNow, Log: d.Log,
	})
	err := p.Open()
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen of block api: UDP %s is in use by another process: %w", d.Config.API.Listen, err)
	}
	return p, err
}

// heartbeats is the counts of a room as a snapshot has them.
func heartbeats(p *peers.Peers) status.Heartbeats {
	c := p.Counts()
	out := status.Heartbeats{Authenticated: p.Secret != nil, Received: c.Received, Sent: c.Sent, Unsent: c.Unsent, Dropped: map[string]uint64{}}
	for _, f := range peers.Faults() {
		out.Dropped[f.String()] = c.Dropped[f]
	}
	return out
}
