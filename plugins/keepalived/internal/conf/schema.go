// SPDX-License-Identifier: Apache-2.0

// Package conf is the body of the plugin's block: its schema, its values and their check.
package conf

import pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

// What "follow" may be.
const (
	FollowPrimary = "primary"
	FollowHAProxy = "haproxy"
)

// Schema is what may stand in the block.
func Schema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		{
			Name: "vip", Type: pluginv1.Type_TYPE_STRING, Required: true,
			Description: "The virtual address, as in Keepalived's virtual_ipaddress, without prefix length.",
		},
		{
			Name: "follow", Type: pluginv1.Type_TYPE_STRING, DefaultJson: `"primary"`, OneOf: []string{FollowPrimary, FollowHAProxy},
			Description: "What the address follows: \"primary\" has it on the primary's host only (default), \"haproxy\" on a host " +
				"whose HAProxy has a route to the primary, the primary's own if it is one.",
		},
		{
			Name: "track_file", Type: pluginv1.Type_TYPE_STRING, DefaultJson: `"/run/pgvigil/keepalived/vrrp"`,
			Description: "Absolute path of the file that Keepalived tracks, in a directory that is there before Keepalived starts " +
				"(default /run/pgvigil/keepalived/vrrp).",
		},
		{
			Name: "haproxy_socket", Type: pluginv1.Type_TYPE_STRING, DefaultJson: `"/run/haproxy/admin.sock"`,
			Description: "Path of HAProxy's stats socket, level user or more, for follow = \"haproxy\" (default /run/haproxy/admin.sock).",
		},
		{
			Name: "haproxy_backend", Type: pluginv1.Type_TYPE_STRING,
			Description: "Name of HAProxy's backend or listen section that leads to the primary, needed for follow = \"haproxy\".",
		},
	}}
}
