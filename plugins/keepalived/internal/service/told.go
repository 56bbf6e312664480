// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

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
	// addrs of the primary's host; none when its name could not be looked up.
	addrs []netip.Addr
}

// hear takes a request over.
func (s *Service) hear(ctx context.Context, req *pluginv1.RouterApplyRequest) {
	heard := told{at: time.Now(), role: req.GetOwnRole(), primary: req.GetPrimary()}
	if host := heard.primary.GetHost(); host != "" {
		heard.addrs = s.addrs(ctx, host)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = heard
}

// addrs of a host, which is mostly the one of the last time.
func (s *Service) addrs(ctx context.Context, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}
	}
	s.mu.Lock()
	last := s.told
	s.mu.Unlock()
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
	if heard.at.IsZero() || time.Since(heard.at) < silence || heard.answers(ctx) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told.at.Equal(heard.at) {
		s.told = told{}
	}
}

// stands tells whether this host has the primary, and its PostgreSQL takes connections.
func (s *Service) stands(ctx context.Context) bool {
	s.mu.Lock()
	heard := s.told
	s.mu.Unlock()
	return heard.answers(ctx)
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
