// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// splitAddress reads "host:port", "[::1]:port", "*:port" and ":port". A complaint, in a sentence, means that
// it is none.
func splitAddress(text string) (host string, port uint16, complaint string) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, "Write host:port, an IPv6 address in brackets."
	}
	n, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || n == 0 {
		return "", 0, "The port is a number from 1 to 65535."
	}
	if host == "*" {
		host = ""
	}
	if strings.ContainsAny(host, " \t\n/@") {
		return "", 0, fmt.Sprintf("%q is no host name or address.", host)
	}
	return host, uint16(n), ""
}

func joinAddress(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// anyHost tells a host that stands for every address of a host, and so for none that others could use.
func anyHost(host string) bool {
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// connectable checks an address at which others are to reach us.
func (d *decoder) connectable(b *decoded, name string) (host string, port uint16, ok bool) {
	host, port, complaint := splitAddress(b.text(name))
	if complaint != "" {
		d.diags.errorf(b.at(name), fmt.Sprintf("Unusable address in %q", name), "%s", complaint)
		return "", 0, false
	}
	if anyHost(host) {
		d.diags.errorf(b.at(name), fmt.Sprintf("Others cannot reach this host at %q", b.text(name)),
			"%q is published to the other members and to routers: write the address or name of this host. Only \"listen\" may stand for all addresses.", name)
		return "", 0, false
	}
	return host, port, true
}
