// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// splitAddress reads "host:port", "[::1]:port", "*:port" and ":port". The error is a sentence for people.
func splitAddress(text string) (host string, port uint16, err error) {
	host, portText, splitErr := net.SplitHostPort(text)
	if splitErr != nil {
		return "", 0, fmt.Errorf("write host:port, an IPv6 address in brackets")
	}
	n, convErr := strconv.ParseUint(portText, 10, 16)
	if convErr != nil || n == 0 {
		return "", 0, fmt.Errorf("the port is a number from 1 to 65535")
	}
	if host == "*" {
		host = ""
	}
	if strings.ContainsAny(host, " \t\n/@") {
		return "", 0, fmt.Errorf("%q is no host name or address", host)
	}
	return host, uint16(n), nil
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
	host, port, err := splitAddress(b.text(name))
	if err != nil {
		d.diags.errorf(b.at(name), fmt.Sprintf("Unusable address in %q", name), ended(upper(err.Error())))
		return "", 0, false
	}
	if anyHost(host) {
		d.diags.errorf(b.at(name), fmt.Sprintf("Others cannot reach this host at %q", b.text(name)),
			"%q is published to the other members and to routers: write the address or name of this host. Only \"listen\" may stand for all addresses.", name)
		return "", 0, false
	}
	return host, port, true
}

func upper(sentence string) string {
	if sentence == "" {
		return ""
	}
	return strings.ToUpper(sentence[:1]) + sentence[1:]
}
