// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"log/slog"
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
	before, value := s.file.Value(), s.rank()
	s.fault = s.file.Put(value)
	if s.fault == nil && value != before {
		slog.Info("track file changed", "path", s.file.Path(), "from", before, "to", value)
		if s.wake != nil {
			s.wake()
		}
	}
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
	missing := s.noRoute()
	if missing == nil {
		s.proxy.routed = time.Now()
	}
	recent := time.Since(s.proxy.routed) < s.ttl
	switch {
	case missing == nil && primary:
		return near
	case missing == nil:
		return routed
	case recent && missing == errUnchecked:
		return s.file.Value() // HAProxy was reloaded
	case recent && s.proxy.err == nil && s.file.Value() != none && s.holds():
		return keeps // for as long as a failover takes, during which nobody has a route
	}
	return none
}

var (
	errNoPrimary = errors.New("there is no primary")
	errDown      = errors.New("no server of haproxy_backend is up")
	errUnchecked = errors.New("it has not checked its servers yet")
	errElsewhere = errors.New("servers of haproxy_backend are up that are not the primary")
	errUnknown   = errors.New("several servers of haproxy_backend are up, and which is the primary is not known")
)

// noRoute is why HAProxy has no route to the primary, nil when it has. HAProxy's checks are the truth about that, but
// for who is primary: after its start, and after a cut, it takes servers for up that are not the primary.
// The caller holds mu.
func (s *Service) noRoute() error {
	up, t := s.proxy.servers, s.told
	switch {
	case s.proxy.err != nil:
		return s.proxy.err
	case t.where() && t.primary == nil:
		return errNoPrimary
	case len(up) == 0:
		return errDown
	case slices.ContainsFunc(up, func(s haproxy.Server) bool { return s.Unchecked }):
		return errUnchecked
	case !t.where() && len(up) > 1:
		return errUnknown
	case t.where() && slices.ContainsFunc(up, t.isElsewhere):
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
