// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

const (
	// silence is how long what the supervisor said is believed: it repeats itself every 5 s.
	silence = 12 * time.Second
	// knock bounds one attempt to connect to PostgreSQL, or to look up its name.
	knock = 500 * time.Millisecond
)

// told is what the supervisor said last; its zero value is that it has said nothing, or nothing recent.
type told struct {
	at      time.Time
	role    pluginv1.OwnRole
	primary *pluginv1.Endpoint
	// addrs of the primary's host, for follow = "haproxy".
	addrs []netip.Addr
}

// where tells that it is known where the primary is, or that there is none. It is not while the supervisor is silent, while
// the record of a primary that was just promoted here is still to come, and when a name cannot be looked up.
func (t told) where() bool {
	if t.primary == nil {
		return !t.at.IsZero() && t.role != pluginv1.OwnRole_OWN_ROLE_PRIMARY
	}
	return len(t.addrs) > 0
}

// hear takes a request over.
func (s *Service) hear(ctx context.Context, req *pluginv1.RouterApplyRequest) {
	heard := told{at: time.Now(), role: req.GetOwnRole(), primary: req.GetPrimary()}
	s.mu.Lock()
	last, follow := s.told, s.body.Follow
	s.mu.Unlock()
	if heard.primary != nil && follow == conf.FollowHAProxy {
		heard.addrs = lookUp(ctx, heard.primary.GetHost(), last)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = heard
}

// lookUp is the addresses of a host, which is mostly the one of the last time.
func lookUp(ctx context.Context, host string, last told) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}
	}
	if last.primary.GetHost() == host && len(last.addrs) > 0 {
		return last.addrs
	}
	ctx, cancel := context.WithTimeout(ctx, knock)
	defer cancel()
	found, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found
}

// forget drops what the supervisor said when it has been silent for too long. Where PostgreSQL is the primary and
// still takes connections, it goes on: a supervisor that cannot reach the DCS says nothing, and kills PostgreSQL when
// another one may lead.
func (s *Service) forget(ctx context.Context) {
	s.mu.Lock()
	heard := s.told
	s.mu.Unlock()
	if heard.at.IsZero() || time.Since(heard.at) < silence || heard.answers(ctx) || ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told.at.Equal(heard.at) {
		s.told = told{}
	}
}

// answers tells whether the primary is here and takes connections.
func (t told) answers(ctx context.Context) bool {
	if t.role != pluginv1.OwnRole_OWN_ROLE_PRIMARY || t.primary == nil {
		return false
	}
	d := net.Dialer{Timeout: knock}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(t.primary.GetHost(), strconv.Itoa(int(t.primary.GetPort()))))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
