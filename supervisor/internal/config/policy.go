// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"strconv"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Policy is the configuration in the core's terms. Self.Instance, Self.Token and Self.Version are left
// for the daemon, which knows them.
func (c *Config) Policy() core.Policy {
	return core.Policy{
		Self: core.Self{
			Name:       c.Cluster.Member,
			API:        c.API.Connect,
			Host:       c.Server.Host,
			Port:       c.Server.Port,
			NoFailover: c.Tags.NoFailover,
			Priority:   c.Tags.FailoverPriority,
			Tags:       c.Tags.published(),
		},
		TTL:          core.Span(c.Timing.TTL),
		DriftPPM:     c.Timing.DriftPPM,
		Quorum:       c.Durability == DurabilityQuorum,
		SyncStandbys: c.Quorum.SyncStandbys,
		MinSync:      c.Quorum.MinSync,
		SuspectAfter: core.Span(c.Quorum.SuspectAfter),
		MaximumLag:   c.MaximumLagOnFailover,
		StopPatience: core.Span(c.Timing.PrimaryStopTimeout),
		StartTimeout: core.Span(c.Timing.PrimaryStartTimeout),
		Rewind:       c.Server.UseRewind,
		Reclone:      c.Server.RemoveDataOnRewindFailure,
	}
}

// published are the tags as other members read them: those that differ from the standard.
func (t Tags) published() map[string]string {
	out := maps.Clone(t.Custom)
	if out == nil {
		out = map[string]string{}
	}
	for name, on := range map[string]bool{"nofailover": t.NoFailover, "noloadbalance": t.NoLoadBalance, "clonefrom": t.CloneFrom, "nosync": t.NoSync} {
		if on {
			out[name] = "true"
		}
	}
	if t.FailoverPriority > 1 {
		out["failover_priority"] = strconv.Itoa(t.FailoverPriority)
	}
	return out
}
