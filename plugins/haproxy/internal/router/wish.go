// SPDX-License-Identifier: Apache-2.0

package router

import (
	"iter"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/conf"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

type (
	routes   = pluginv1.RouterApplyRequest
	endpoint = pluginv1.Endpoint
)

// order is the whole truth: what was configured and what was applied last, nil before that.
type order struct {
	body   conf.Body
	routes *routes
	// expected is a member of this host that must have a server, when there are no routes to look into; empty for none.
	expected string
}

// backends are the configured backends, by the attribute that names them.
func (o order) backends() iter.Seq2[string, string] {
	return func(yield func(attribute, backend string) bool) {
		if yield("primary_backend", o.body.PrimaryBackend) && o.body.ReplicaBackend != "" {
			yield("replica_backend", o.body.ReplicaBackend)
		}
	}
}

// members are those the routes name, the primary first.
func (o order) members() []*endpoint {
	replicas := o.routes.GetReplicas()
	if p := o.routes.GetPrimary(); p != nil {
		return append([]*endpoint{p}, replicas...)
	}
	return replicas
}

// wish is what a server is to be under an epoch.
type wish struct {
	epoch uint64
	up    bool
}

// lacksExpected tells whether the expected member has no server, neither by its name nor at an address of this host, and
// the plugin is not going to make one.
func (o order) lacksExpected(servers []admin.Server) bool {
	if o.expected == "" || o.body.NewServer != "" || o.body.ConfigFile != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	return err == nil && !slices.ContainsFunc(servers, func(s admin.Server) bool {
		return s.Name == o.expected || slices.ContainsFunc(own, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.Equal(net.ParseIP(s.Addr)) && !n.IP.IsLoopback()
		})
	})
}

// step makes a server be what is wished, and ends its sessions if it leaves and they are to end.
type step struct {
	server admin.Server
	wish   wish
	cut    bool
}

// steps are what the routes make of the servers of both backends: all that go down before any that goes up.
// Servers that are not among them are left to their health checks.
func (o order) steps(all []admin.Server) []step {
	steps := append(o.primarySteps(all), o.replicaSteps(all)...)
	slices.SortStableFunc(steps, func(a, b step) int {
		switch {
		case a.wish.up == b.wish.up:
			return 0
		case b.wish.up:
			return -1
		}
		return 1
	})
	return steps
}

// primarySteps: of the primary backend, whatever is not the primary goes down.
func (o order) primarySteps(all []admin.Server) []step {
	servers := in(all, o.body.PrimaryBackend)
	primary, exists := serverOf(servers, o.routes.GetPrimary())
	var steps []step
	for _, s := range servers {
		steps = append(steps, o.step(s, exists && s.Name == primary.Name, o.body.CutPrimary))
	}
	return steps
}

// replicaSteps: of the replica backend, whatever is no replica that may serve goes down. The primary is
// left to its check, which knows whether it serves reads here: /replica says no, /read-only yes.
func (o order) replicaSteps(all []admin.Server) []step {
	servers := in(all, o.body.ReplicaBackend)
	primary, exists := serverOf(servers, o.routes.GetPrimary())
	serving := map[string]bool{}
	for _, e := range o.routes.GetReplicas() {
		if s, ok := serverOf(servers, e); ok && o.serves(e) {
			serving[s.Name] = true
		}
	}
	var steps []step
	for _, s := range servers {
		if !exists || s.Name != primary.Name {
			steps = append(steps, o.step(s, serving[s.Name], o.body.CutReplica))
		}
	}
	return steps
}

func (o order) step(s admin.Server, up, cut bool) step {
	return step{server: s, wish: wish{epoch: o.routes.GetEpoch(), up: up}, cut: cut}
}

// serves tells whether a replica may be in the replica backend.
func (o order) serves(e *endpoint) bool {
	if o.body.MaxLag != nil && e.GetLagBytes() > *o.body.MaxLag {
		return false
	}
	for tag, value := range o.body.Tags {
		if e.GetTags()[tag] != value {
			return false
		}
	}
	return true
}

// in are the servers of a backend.
func in(all []admin.Server, backend string) []admin.Server {
	var servers []admin.Server
	for _, s := range all {
		if s.Backend == backend {
			servers = append(servers, s)
		}
	}
	return servers
}

// serverOf is the server of a member among those of a backend: the one with its name, else the one at its
// address. A nil member has none.
func serverOf(servers []admin.Server, e *endpoint) (admin.Server, bool) {
	if e == nil {
		return admin.Server{}, false
	}
	n := slices.IndexFunc(servers, func(s admin.Server) bool { return s.Name == e.GetName() })
	if n < 0 {
		n = slices.IndexFunc(servers, func(s admin.Server) bool { return isAt(s, e) })
	}
	if n < 0 {
		return admin.Server{}, false
	}
	return servers[n], true
}

// isAt tells whether a server is the address and port of a member, without asking a name server.
func isAt(s admin.Server, e *endpoint) bool {
	if s.Port != int(e.GetPort()) {
		return false
	}
	a, errA := netip.ParseAddr(s.Addr)
	b, errB := netip.ParseAddr(e.GetHost())
	if errA == nil && errB == nil {
		return a.Unmap() == b.Unmap()
	}
	return strings.EqualFold(s.FQDN, e.GetHost())
}
