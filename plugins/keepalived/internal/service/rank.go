// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/haproxy"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/vip"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// What stands in the track file. With follow = "primary" it is none or first; with follow = "haproxy" the greater
// wins.
const (
	none   = 0 // the address must not be here
	first  = 1
	keeps  = 1 // it may stay, but whoever has a route takes it over
	routed = 2 // HAProxy here has a route to the primary
	near   = 3 // … and the primary is here
)

// best is the value of the file on the host of the primary.
func best(follow string) int {
	if follow == conf.FollowHAProxy {
		return near
	}
	return first
}

// proxy is what HAProxy said last.
type proxy struct {
	servers []haproxy.Server
	// err is why it said nothing.
	err error
	// routed is when it had a route to the primary last.
	routed time.Time
}

// settle has the file say what follows from what is known now. The caller holds mu.
func (s *Service) settle() error {
	s.fault = s.file.Put(s.rank())
	return s.fault
}

// rank is what the file should say. The caller holds mu.
func (s *Service) rank() int {
	primary := s.told.role == pluginv1.OwnRole_OWN_ROLE_PRIMARY
	if s.body.Follow == conf.FollowPrimary {
		if primary {
			return first
		}
		return none
	}
	route := s.noRoute() == nil
	if route {
		s.proxy.routed = time.Now()
	}
	switch {
	case route && primary:
		return near
	case route:
		return routed
	case s.proxy.err == nil && s.file.Value() != none && time.Since(s.proxy.routed) < s.ttl && s.holds():
		return keeps // for as long as a failover takes, during which nobody has a route
	}
	return none
}

var (
	errNoPrimary = errors.New("there is no primary to route to")
	errUnknown   = errors.New("the supervisor does not say who is primary, and not exactly one server of haproxy_backend is up")
	errElsewhere = errors.New("the servers that are up in haproxy_backend are not, or not only, the primary")
)

// noRoute is why HAProxy has no route to the primary, nil when it has. HAProxy's checks are the truth about that, but
// for who is primary: after its start, and after a cut, it takes servers for up that are not the primary.
// The caller holds mu.
func (s *Service) noRoute() error {
	switch t := s.told; {
	case s.proxy.err != nil:
		return s.proxy.err
	case t.at.IsZero() || t.primary == nil && t.role == pluginv1.OwnRole_OWN_ROLE_PRIMARY: // silent, or inherited
		if len(s.proxy.servers) != 1 {
			return errUnknown
		}
	case t.primary == nil:
		return errNoPrimary
	case len(s.proxy.servers) == 0 || slices.ContainsFunc(s.proxy.servers, t.isElsewhere):
		return errElsewhere
	}
	return nil
}

// isElsewhere tells whether a server is another than the primary.
func (t told) isElsewhere(server haproxy.Server) bool {
	return server.Name != t.primary.GetName() && !slices.Contains(t.addrs, server.Addr)
}

// holds tells whether this host has the address.
func (s *Service) holds() bool {
	on, err := vip.Interface(s.body.VIP)
	return err == nil && on != nil
}
