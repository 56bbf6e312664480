// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/pgbin"
)

// Host is what was found on this host.
type Host struct {
	// Name is the host's, short and in lower case.
	Name string
	// Addresses are those that others may reach, with their networks.
	Addresses []Address
	// Postgres are the installations, the newest first; MissingPostgres tells why there is none.
	Postgres        []pgbin.Installation
	MissingPostgres error
	// Routers are those whose programs are installed.
	Routers []string
	// SocketDir is the directory for sockets that PostgreSQL's packages made; empty where they did not.
	SocketDir string
}

// Address is an address of an interface.
type Address struct {
	Interface string
	netip.Prefix
}

// LookAt looks at this host.
func LookAt(ctx context.Context) (*Host, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	short, _, _ := strings.Cut(name, ".")
	h := &Host{Name: strings.ToLower(short)}
	if h.Addresses, err = addresses(); err != nil {
		return nil, err
	}
	h.Postgres, h.MissingPostgres = pgbin.Find(ctx)
	for _, router := range routers {
		if installed(router) {
			h.Routers = append(h.Routers, router)
		}
	}
	if info, err := os.Stat("/run/postgresql"); err == nil && info.IsDir() {
		h.SocketDir = "/run/postgresql"
	}
	return h, nil
}

// addresses are those of interfaces that are up, but link-local ones; loopback addresses come last.
func addresses() ([]Address, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all, loopback []Address
	for _, i := range interfaces {
		networks, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, n := range networks {
			prefix, err := netip.ParsePrefix(n.String())
			switch a := (Address{i.Name, prefix}); {
			case err != nil || i.Flags&net.FlagUp == 0 || prefix.Addr().IsLinkLocalUnicast():
			case prefix.Addr().IsLoopback():
				loopback = append(loopback, a)
			default:
				all = append(all, a)
			}
		}
	}
	return append(all, loopback...), nil
}

// sbin is where servers are, which users' PATH often lacks.
var sbin = []string{"/usr/sbin", "/usr/local/sbin"}

func installed(program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	return slices.ContainsFunc(sbin, func(dir string) bool { return pgbin.Executable(filepath.Join(dir, program)) == nil })
}

// reachable are the addresses that other hosts can use.
func (h *Host) reachable() []Address {
	return slices.DeleteFunc(slices.Clone(h.Addresses), func(a Address) bool { return a.Addr().IsLoopback() })
}

// network is the one of an interface that an address is in.
func (h *Host) network(address netip.Addr) (netip.Prefix, bool) {
	for _, a := range h.Addresses {
		if a.Contains(address) {
			return a.Masked(), true
		}
	}
	return netip.Prefix{}, false
}

func (h *Host) has(address netip.Addr) bool {
	own, there := h.network(address)
	if there && own.Addr().IsLoopback() {
		return true // all of 127.0.0.0/8
	}
	return slices.ContainsFunc(h.Addresses, func(a Address) bool { return a.Addr() == address })
}

// list is the addresses in words.
func list(addresses []Address) string {
	var words []string
	for _, a := range addresses {
		words = append(words, a.Addr().String()+" ("+a.Interface+")")
	}
	return strings.Join(words, ", ")
}
