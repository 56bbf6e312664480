// SPDX-License-Identifier: Apache-2.0

// Package render makes the configurations of the products around a cluster. It reads and asks nothing: equal values give
// equal text. The values are trusted to have no blanks, quotes or line ends in them.
package render

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// Cluster is what the configurations have in common.
type Cluster struct {
	Name string
	// User that pgvigil runs as. Its group has the same name.
	User string
	// Members in the order of their names.
	Members []Member
}

// Member is a member of the cluster.
type Member struct {
	Name string
	// Host and Port are its PostgreSQL's, APIHost and APIPort its REST interface's.
	Host    string
	Port    uint16
	APIHost string
	APIPort uint16
}

// Address is host:port of its PostgreSQL.
func (m Member) Address() string { return net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))) }

// IPv6 tells whether a member is reached by IPv6.
func (c Cluster) IPv6() bool {
	return slices.ContainsFunc(c.Members, func(m Member) bool { return strings.Contains(m.Host, ":") })
}

// others are the members without the one of this name.
func (c Cluster) others(name string) []Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m Member) bool { return m.Name == name })
}

// addresses tells whether all members are known by address, all of one family.
func (c Cluster) addresses(is4 bool) bool {
	return !slices.ContainsFunc(c.Members, func(m Member) bool {
		addr, err := netip.ParseAddr(m.Host)
		return err != nil || addr.Is4() != is4
	})
}

// fill makes text of a template. That cannot fail but by a mistake in the template.
func fill(text string, data any) string {
	var b strings.Builder
	if err := template.Must(template.New("").Parse(text)).Execute(&b, data); err != nil {
		panic(err)
	}
	return b.String()
}
