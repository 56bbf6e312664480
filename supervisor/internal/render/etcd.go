// SPDX-License-Identifier: Apache-2.0

package render

import (
	"net"
	"net/netip"
	"strings"
)

// Etcd is the etcd member of one host, run by etcd's own service.
type Etcd struct {
	Cluster
	// Self is the etcd member on that host, one of Peers.
	Self  EtcdMember
	Peers []EtcdMember
	// Scheme is http or https, for clients and between members.
	Scheme string
}

// EtcdMember is a member of etcd.
type EtcdMember struct {
	// Name tells it from the others, Host is where they reach it.
	Name, Host string
	// Port is for clients.
	Port string
}

// EtcdPeerPort is for the members among themselves.
const EtcdPeerPort = "2380"

// String is etcd's configuration file.
func (e Etcd) String() string { return fill(etcdText, e) }

// TLS tells whether there are certificates.
func (e Etcd) TLS() bool { return e.Scheme == "https" }

// Client is the URL for clients of the member, Peer that for the other members.
func (e Etcd) Client() string { return e.url(e.Self.Host, e.Self.Port) }

// Peer is the URL for the other members.
func (e Etcd) Peer() string { return e.url(e.Self.Host, EtcdPeerPort) }

// ListenClient lists the URLs to listen on for clients, the loopback interface among them.
func (e Etcd) ListenClient() string {
	listen := e.url(e.listenHost(), e.Self.Port)
	if e.listenHost() == anyHost {
		return listen
	}
	return listen + "," + e.url("127.0.0.1", e.Self.Port)
}

// ListenPeer is the URL to listen on for the other members.
func (e Etcd) ListenPeer() string { return e.url(e.listenHost(), EtcdPeerPort) }

// Initial lists all members with their URLs.
func (e Etcd) Initial() string {
	var all []string
	for _, p := range e.Peers {
		all = append(all, p.Name+"="+e.url(p.Host, EtcdPeerPort))
	}
	return strings.Join(all, ",")
}

const anyHost = "0.0.0.0"

// listenHost is an address: etcd listens on no names.
func (e Etcd) listenHost() string {
	if _, err := netip.ParseAddr(e.Self.Host); err != nil {
		return anyHost
	}
	return e.Self.Host
}

func (e Etcd) url(host, port string) string { return e.Scheme + "://" + net.JoinHostPort(host, port) }

const etcdText = `# etcd for the cluster "{{.Name}}", on {{.Self.Name}}: /etc/etcd/etcd.yml
# The hosts' files differ in name and addresses. Have etcd read it: etcd --config-file /etc/etcd/etcd.yml, or ETCD_CONFIG_FILE=/etc/etcd/etcd.yml in the file with the
# environment of its unit (Debian: /etc/default/etcd). With it, etcd ignores all other options and variables.

name: {{.Self.Name}}
# Every write waits for this disk: better not the one that PostgreSQL's WAL is on.
data-dir: /var/lib/etcd/{{.Name}}

# For clients: pgvigil on all hosts, etcdctl on this one.
listen-client-urls: {{.ListenClient}}
advertise-client-urls: {{.Client}}
# For the other members.
listen-peer-urls: {{.ListenPeer}}
initial-advertise-peer-urls: {{.Peer}}

# Read once, while data-dir is empty. For a member that joins later, after etcdctl member add, the state is "existing".
initial-cluster: {{.Initial}}
initial-cluster-token: pgvigil-{{.Name}}
initial-cluster-state: new

# Milliseconds, the same on all members; the defaults are 100 and 1000. While etcd is without a leader, nobody can take over or
# renew in PostgreSQL's cluster; a ttl below 3s needs the shorter times. Where a round trip between the hosts takes longer than the
# heartbeat, set that to the round trip, and the election to ten times as much.
heartbeat-interval: 50
election-timeout: 500

# Old revisions are dropped; without this the store grows until it is full, and takes no more writes.
auto-compaction-mode: periodic
auto-compaction-retention: 1h
# Bytes.
quota-backend-bytes: 536870912
{{if .TLS}}
# Certificates for clients, who must show one of the same authority, and between members.
client-transport-security:
  cert-file: /etc/etcd/server.crt
  key-file: /etc/etcd/server.key
  trusted-ca-file: /etc/etcd/ca.crt
  client-cert-auth: true
peer-transport-security:
  cert-file: /etc/etcd/peer.crt
  key-file: /etc/etcd/peer.key
  trusted-ca-file: /etc/etcd/ca.crt
  client-cert-auth: true
{{- else}}
# Whoever reaches etcd can make anybody primary: let the firewall pass the cluster's hosts alone, or write https in endpoints of
# dcs "etcd" for a file with certificates.
{{- end}}
`
