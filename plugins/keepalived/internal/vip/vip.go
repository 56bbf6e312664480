// SPDX-License-Identifier: Apache-2.0

// Package vip looks where a virtual address is: on this host, and on another one at the same time.
package vip

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Interface is the interface of this host that has the address, nil when none has.
func Interface(addr netip.Addr) (*net.Interface, error) {
	if held, err := among(addr, net.InterfaceAddrs); err != nil || !held {
		return nil, err // the usual case, in one question to the kernel
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if held, err := among(addr, i.Addrs); err == nil && held {
			return &i, nil
		}
	}
	return nil, nil
}

func among(addr netip.Addr, list func() ([]net.Addr, error)) (bool, error) {
	addrs, err := list()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(addr.AsSlice()) {
			return true, nil
		}
	}
	return false, err
}

// Spoken tells whether somebody on this host speaks VRRP for addresses of addr's family: a living Keepalived keeps
// sockets of that protocol open, also in FAULT.
func Spoken(addr netip.Addr) (bool, error) {
	const vrrp = ":0070" // IP protocol 112, where the port of other sockets stands
	path := "/proc/net/raw"
	if addr.Is6() {
		path = "/proc/net/raw6"
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && strings.HasSuffix(fields[1], vrrp) {
			return true, nil
		}
	}
	return false, lines.Err()
}
