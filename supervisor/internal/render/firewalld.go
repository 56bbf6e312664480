// SPDX-License-Identifier: Apache-2.0

package render

import (
	"maps"
	"slices"
	"strings"
)

// Firewalld is the firewall of the cluster's hosts.
type Firewalld struct {
	// Cluster has members that are known by address.
	Cluster
	// Etcd are the ports of etcd on these hosts; none where it runs elsewhere.
	Etcd []string
}

// String is a shell script, the same for every host.
func (f Firewalld) String() string { return fill(firewalldText, f) }

// PostgresPorts are those of PostgreSQL.
func (f Firewalld) PostgresPorts() []uint16 {
	return f.ports(func(m Member) uint16 { return m.Port })
}

// APIPorts are those of the REST interface.
func (f Firewalld) APIPorts() []uint16 {
	return f.ports(func(m Member) uint16 { return m.APIPort })
}

func (f Firewalld) ports(of func(Member) uint16) []uint16 {
	ports := map[uint16]bool{}
	for _, m := range f.Members {
		ports[of(m)] = true
	}
	return slices.Sorted(maps.Keys(ports))
}

// Family is that of a member's address, in firewalld's word.
func (f Firewalld) Family(m Member) string {
	if strings.Contains(m.Host, ":") {
		return "ipv6"
	}
	return "ipv4"
}

const firewalldText = `#!/bin/sh
# firewalld for the cluster "{{.Name}}": have a look, then run it as root, on every host. It may be run again.
set -e

# What the cluster's hosts need of each other.
cat > /etc/firewalld/services/pgvigil-hosts.xml << 'XML'
<?xml version="1.0" encoding="utf-8"?>
<service>
  <short>pgvigil, hosts</short>
  <description>What the hosts of a PostgreSQL cluster kept by pgvigil need of each other.</description>
  <!-- PostgreSQL: replication, rewinding, base backups; HAProxy and PgBouncer on other hosts. -->
{{- range .PostgresPorts}}
  <port protocol="tcp" port="{{.}}"/>
{{- end}}
  <!-- REST interface: health checks, and pgvigil on other hosts. UDP: heartbeats, with durability = "quorum". -->
{{- range .APIPorts}}
  <port protocol="tcp" port="{{.}}"/>
  <port protocol="udp" port="{{.}}"/>
{{- end}}
{{- if .Etcd}}
  <!-- etcd: clients, members. -->
{{- range .Etcd}}
  <port protocol="tcp" port="{{.}}"/>
{{- end}}
{{- end}}
  <!-- Keepalived. -->
  <protocol value="vrrp"/>
</service>
XML

# What applications need.
cat > /etc/firewalld/services/pgvigil-clients.xml << 'XML'
<?xml version="1.0" encoding="utf-8"?>
<service>
  <short>pgvigil, clients</short>
  <description>Where applications reach a PostgreSQL cluster kept by pgvigil.</description>
  <!-- HAProxy: writes, reads. -->
  <port protocol="tcp" port="5000"/>
  <port protocol="tcp" port="5001"/>
  <!-- PgBouncer. -->
  <port protocol="tcp" port="6432"/>
  <!-- PostgreSQL, if applications connect to it directly, as with a VIP that follows the primary:
{{- range .PostgresPorts}}
  <port protocol="tcp" port="{{.}}"/>
{{- end}}
  -->
</service>
XML

# Has firewalld read the services. What is set up in it without --permanent is lost.
firewall-cmd --reload

# These are for the default zone; for another, add --zone=ZONE.
firewall-cmd --permanent --add-service=pgvigil-clients
# The hosts alone: whoever reaches etcd can make anybody primary.
{{- range .Members}}
firewall-cmd --permanent --add-rich-rule='rule family="{{$.Family .}}" source address="{{.Host}}" service name="pgvigil-hosts" accept'
{{- end}}
# HAProxy's statistics, for the network of those who may see them:
#firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="192.0.2.0/24" port port="7000" protocol="tcp" accept'

firewall-cmd --reload
`
