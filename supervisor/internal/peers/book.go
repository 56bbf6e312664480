// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Names are looked up again after lookUpEvery, or lookUpSoon where one was not found.
const (
	lookUpEvery   = time.Minute
	lookUpSoon    = 5 * time.Second
	lookUpTimeout = 2 * time.Second
)

// book is where the others are.
type book struct {
	// met says that the members are known.
	met      bool
	contacts []contact
}

// contact is another member.
type contact struct {
	name string
	// api is where its REST interface is, and its heartbeats go; host is where its PostgreSQL is.
	api, host string
	// to is api, looked up; from are all addresses of api and host: what it says without a secret comes from there.
	to   netip.AddrPort
	from []netip.Addr
}

// same tells whether two contacts are the same as far as records tell.
func (c contact) same(d contact) bool { return c.name == d.name && c.api == d.api && c.host == d.host }

// of finds a contact by name.
func (b *book) of(name string) (contact, bool) {
	i := slices.IndexFunc(b.contacts, func(c contact) bool { return c.name == name })
	if i < 0 {
		return contact{}, false
	}
	return b.contacts[i], true
}

// Meet says who the members are; this one may be among them. What was heard of others is forgotten.
func (p *Peers) Meet(members []core.Versioned[core.Member]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.book.met && p.unchanged(members) {
		return
	}
	fresh := book{met: true}
	for _, m := range members {
		if m.Value.Name == p.Name {
			continue
		}
		c := contact{name: m.Value.Name, api: m.Value.API, host: m.Value.Host}
		if old, ok := p.book.of(c.name); ok && old.same(c) {
			c = old
		}
		c.literal()
		fresh.contacts = append(fresh.contacts, c)
	}
	p.book = fresh
	p.senders = slices.DeleteFunc(p.senders, func(s *sender) bool {
		_, known := fresh.of(s.name)
		return !known
	})
	signal(p.sought)
}

// unchanged tells whether the book says of the members what it should. The caller holds mu.
func (p *Peers) unchanged(members []core.Versioned[core.Member]) bool {
	i := 0
	for _, m := range members {
		if m.Value.Name == p.Name {
			continue
		}
		if i == len(p.book.contacts) || !p.book.contacts[i].same(contact{name: m.Value.Name, api: m.Value.API, host: m.Value.Host}) {
			return false
		}
		i++
	}
	return i == len(p.book.contacts)
}

// literal fills in the addresses that need no look-up.
func (c *contact) literal() {
	if to, err := netip.ParseAddrPort(c.api); err == nil && !c.to.IsValid() {
		c.to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	}
	for _, host := range c.hosts() {
		if a, err := netip.ParseAddr(host); err == nil && !slices.Contains(c.from, a.Unmap()) {
			c.from = append(slices.Clone(c.from), a.Unmap())
		}
	}
}

// hosts are the names and addresses of api and host.
func (c contact) hosts() []string {
	out := []string{c.host}
	if host, _, err := net.SplitHostPort(c.api); err == nil && host != c.host {
		out = append(out, host)
	}
	return out
}

// lookUp keeps the addresses of names up to date.
func (p *Peers) lookUp(ctx context.Context) {
	timer := time.NewTimer(lookUpEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.sought:
		case <-timer.C:
		}
		p.mu.Lock()
		contacts := slices.Clone(p.book.contacts)
		p.mu.Unlock()
		timer.Reset(p.lookUpAll(ctx, contacts))
	}
}

// lookUpAll looks up what is no address, and returns when to do so again.
func (p *Peers) lookUpAll(ctx context.Context, contacts []contact) time.Duration {
	again := lookUpEvery
	for _, c := range contacts {
		found, complete := c.lookedUp(ctx)
		if !complete {
			again = lookUpSoon
		}
		p.mu.Lock()
		if i := slices.IndexFunc(p.book.contacts, c.same); i >= 0 {
			p.book.contacts[i] = found
		}
		p.mu.Unlock()
	}
	return again
}

// lookedUp is a contact with what its names stand for now; false when one cannot be looked up: then it stands for what it did.
func (c contact) lookedUp(ctx context.Context) (contact, bool) {
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	var from []netip.Addr
	complete := true
	for _, host := range c.hosts() {
		found, err := addresses(ctx, host)
		if err != nil {
			complete = false
			continue
		}
		from = append(from, found...)
		if apiHost, port, _ := net.SplitHostPort(c.api); apiHost == host {
			n, _ := strconv.ParseUint(port, 10, 16) // 0 is refused when something is sent there
			c.to = netip.AddrPortFrom(found[0], uint16(n))
		}
	}
	for _, a := range c.from {
		if !complete && !slices.Contains(from, a) {
			from = append(from, a)
		}
	}
	c.from = from
	return c, complete
}

// addresses of a host, at least one, those of IPv4 first.
func addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for i, a := range found {
		found[i] = a.Unmap()
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return found, nil
}
