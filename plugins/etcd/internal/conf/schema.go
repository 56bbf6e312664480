// SPDX-License-Identifier: Apache-2.0

// Package conf is the plugin's configuration: the schema of its block, the checks beyond it, and what the
// store is made from.
package conf

import (
	"strconv"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Defaults of the block.
const (
	defaultDialTimeout      = 2 * time.Second
	defaultRequestTimeout   = 2 * time.Second
	defaultKeepAlive        = 10 * time.Second
	defaultKeepAliveTimeout = 2 * time.Second
	defaultHeartbeat        = 50 * time.Millisecond
	defaultElection         = 500 * time.Millisecond
	defaultQuota            = 512 << 20
	defaultCompaction       = time.Hour
)

// Schema of the body of dcs "etcd".
func Schema() *pluginv1.Block {
	return &pluginv1.Block{
		Attributes: []*pluginv1.Attribute{
			{Name: "endpoints", Type: pluginv1.Type_TYPE_STRING_LIST, Description: "Client URLs of the etcd members; with an embedded block the default is its members."},
			str("username", "User of etcd's own authentication."),
			{Name: "password", Type: pluginv1.Type_TYPE_STRING, Sensitive: true, Description: "Password of the user; better kept in password_file."},
			str("password_file", "File that holds the password of the user, and nothing else."),
			duration("dial_timeout", defaultDialTimeout, 100*time.Millisecond, time.Minute, "Longest time to make a connection."),
			duration("request_timeout", defaultRequestTimeout, 100*time.Millisecond, time.Minute, "Longest time a request may take; the supervisor's own deadlines are shorter where it matters."),
			duration("keepalive", defaultKeepAlive, 10*time.Second, time.Hour, "Silence on a connection in use after which it is tested; gRPC allows no less than 10s. Frozen members are found without it."),
			duration("keepalive_timeout", defaultKeepAliveTimeout, 500*time.Millisecond, time.Minute, "Time that data may stay unacknowledged before a connection is given up."),
		},
		Blocks: []*pluginv1.NestedBlock{
			{Type: "tls", Body: tlsSchema(), Description: "Certificates for https endpoints, and for the client side of an embedded member."},
			{Type: "embedded", Body: embeddedSchema(), Description: "This host runs an etcd member of its own: pgvigil dcs serve."},
		},
	}
}

func tlsSchema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		str("ca_file", "Certificates of the authorities that sign the servers' certificates; the default is the system's."),
		str("cert_file", "Own certificate, PEM; read again for every connection."),
		str("key_file", "Key of the own certificate, PEM."),
		str("server_name", "Name that must stand in the server's certificate; the default is the endpoint's host."),
		{Name: "insecure_skip_verify", Type: pluginv1.Type_TYPE_BOOL, DefaultJson: "false", Description: "Takes any server certificate; for tests only."},
	}}
}

func peerTLSSchema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		required("cert_file", pluginv1.Type_TYPE_STRING, "Certificate of this member and its chain, PEM; for both ends of a connection."),
		required("key_file", pluginv1.Type_TYPE_STRING, "Key of the certificate, PEM."),
		str("ca_file", "Certificates of the authorities that sign the other members' certificates."),
	}}
}

func embeddedSchema() *pluginv1.Block {
	return &pluginv1.Block{
		Attributes: []*pluginv1.Attribute{
			str("name", "Name of this etcd member, a key of members; default is the name of the cluster member."),
			required("data_dir", pluginv1.Type_TYPE_STRING, "Directory for the member's data; made with mode 0700."),
			required("listen_client", pluginv1.Type_TYPE_STRING, "URL to listen on for clients, such as http://10.0.0.1:2379."),
			required("listen_peer", pluginv1.Type_TYPE_STRING, "URL to listen on for the other members, such as http://10.0.0.1:2380."),
			required("members", pluginv1.Type_TYPE_STRING_MAP, "Peer URL of every member, this one included, by name; the same on all hosts."),
			duration("heartbeat", defaultHeartbeat, 10*time.Millisecond, 5*time.Second, "Time between heartbeats of the etcd leader."),
			duration("election", defaultElection, 50*time.Millisecond, 50*time.Second, "Silence of the etcd leader after which another is elected; at least 5 heartbeats."),
			size("quota", defaultQuota, 16<<20, 8<<30, "Greatest size of the database."),
			duration("auto_compaction", defaultCompaction, time.Minute, 30*24*time.Hour, "Age at which old revisions are dropped."),
		},
		Blocks: []*pluginv1.NestedBlock{
			{Type: "peer_tls", Body: peerTLSSchema(), Description: "Certificates between the members, for https peer URLs."},
		},
	}
}

func str(name, description string) *pluginv1.Attribute {
	return &pluginv1.Attribute{Name: name, Type: pluginv1.Type_TYPE_STRING, Description: description}
}

func required(name string, t pluginv1.Type, description string) *pluginv1.Attribute {
	return &pluginv1.Attribute{Name: name, Type: t, Required: true, Description: description}
}

func duration(name string, def, least, most time.Duration, description string) *pluginv1.Attribute {
	return number(name, pluginv1.Type_TYPE_DURATION, int64(def), int64(least), int64(most), description)
}

func size(name string, def, least, most int64, description string) *pluginv1.Attribute {
	return number(name, pluginv1.Type_TYPE_SIZE, def, least, most, description)
}

func number(name string, t pluginv1.Type, def, least, most int64, description string) *pluginv1.Attribute {
	minimum, maximum := float64(least), float64(most)
	return &pluginv1.Attribute{
		Name: name, Type: t, DefaultJson: strconv.FormatInt(def, 10),
		Minimum: &minimum, Maximum: &maximum, Description: description,
	}
}
