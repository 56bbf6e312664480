// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// localFirst returns the URLs with those of this host in front, otherwise in the given order.
func localFirst(ctx context.Context, urls []string) []string {
	own := ownAddresses()
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	sorted := slices.Clone(urls)
	local := make(map[string]bool, len(urls))
	for _, u := range urls {
		local[u] = isLocal(ctx, u, own)
	}
	slices.SortStableFunc(sorted, func(a, b string) int {
		switch {
		case local[a] == local[b]:
			return 0
		case local[a]:
			return -1
		default:
			return 1
		}
	})
	return sorted
}

// isLocal tells whether a URL's host is an address of this host; a name that cannot be resolved is not.
func isLocal(ctx context.Context, raw string, own map[netip.Addr]bool) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return own[a.Unmap()] })
}

func ownAddresses() map[netip.Addr]bool {
	own := make(map[netip.Addr]bool)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return own // order of preference only
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap()] = true
		}
	}
	return own
}
