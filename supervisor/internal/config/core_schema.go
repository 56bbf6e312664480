// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// CoreSchema is the schema of everything that no plugin defines: what may stand at the top level and in
// the blocks there. The bodies of dcs, postgres and router are the plugins', except for a plugin block.
func CoreSchema() Block { return *rootSchema() }

// Block types at the top level.
const (
	blockCluster    = "cluster"
	blockAPI        = "api"
	blockHeartbeats = "heartbeats"
	blockDCS        = "dcs"
	blockPostgres   = "postgres"
	blockRouter     = "router"
	blockWatchdog   = "watchdog"
	blockTags       = "tags"
	blockLog        = "log"
	blockPlugin     = "plugin"
)

func rootSchema() *Block {
	return &Block{
		Attributes: []Attribute{
			{Name: "run_dir", Type: String, Description: "Directory for sockets and state that ends with the host's uptime; /run/pgvigil/<cluster> by default."},
			{Name: "state_dir", Type: String, Description: "Directory for state that survives a reboot; /var/lib/pgvigil/<cluster> by default."},
			{Name: "plugin_dir", Type: String, Description: "Directory of the plugins; by default plugins beside the daemon or, where that is missing, /usr/libexec/pgvigil/plugins."},
		},
		Blocks: []NestedBlock{
			{Type: blockCluster, Labels: []string{"name"}, Required: true, Body: clusterSchema(), Description: "Its label is the name of the cluster."},
			{Type: blockAPI, Body: apiSchema(), Description: "The REST interface."},
			{Type: blockHeartbeats, Body: heartbeatsSchema(), Description: "What supervisors say to each other directly."},
			{Type: blockDCS, Labels: []string{"plugin"}, Required: true, opaque: true, Description: "Its label is the plugin, such as \"etcd\"."},
			{Type: blockPostgres, Required: true, opaque: true, Description: "The PostgreSQL server of this host."},
			{Type: blockRouter, Labels: []string{"plugin"}, Repeated: true, opaque: true, Description: "Its label is the plugin, such as \"haproxy\"."},
			{Type: blockWatchdog, Body: watchdogSchema(), Description: "The host's watchdog device."},
			{Type: blockTags, Body: tagsSchema(), Description: "What sets this member apart from the others."},
			{Type: blockLog, Body: logSchema(), Description: "The daemon's log."},
		},
	}
}

func clusterSchema() Block {
	return Block{Attributes: append([]Attribute{
		{Name: "namespace", Type: String, Default: `"/service"`, Description: "Where in the DCS the clusters' keys stand; begins with a slash."},
		{Name: "member", Type: String, Description: "Name of this member, unique in the cluster, without upper-case letters; the host name by default."},
		{Name: "ttl", Type: Duration, Default: nanoseconds(30 * time.Second), Minimum: bound(time.Second), Maximum: bound(10 * time.Minute),
			Description: "How long a leadership holds without renewal: how long the cluster may be without a primary after its host was lost."},
		{Name: "clock_drift_ppm", Type: Number, Default: "10000", Minimum: bound(0), Maximum: bound(100_000),
			Description: "How far the rates of two hosts' clocks may differ, in millionths."},
		{Name: "durability", Type: String, Default: `"async"`, OneOf: []string{DurabilityAsync, DurabilityQuorum},
			Description: "Whether a commit waits for standbys."},
		{Name: "maximum_lag_on_failover", Type: Size, Default: "1048576", Minimum: bound(0),
			Description: "How many bytes of WAL a standby may lack and still be promoted automatically."},
		{Name: "primary_start_timeout", Type: Duration, Default: nanoseconds(5 * time.Minute), Minimum: bound(0), Maximum: bound(24 * time.Hour),
			Description: "How long a crashed primary may take to come back before another member takes over."},
		{Name: "primary_stop_timeout", Type: Duration, Default: nanoseconds(30 * time.Second), Minimum: bound(time.Second), Maximum: bound(24 * time.Hour),
			Description: "How long a planned stop of the primary may take before its sessions are killed."},
	}, quorumAttributes()...)}
}

func apiSchema() Block {
	return Block{
		Attributes: []Attribute{
			{Name: "listen", Type: String, Default: `"0.0.0.0:8008"`, Description: "Address and port to listen on."},
			{Name: "connect", Type: String, Description: "Address and port at which others reach it; derived from listen and from the postgres block by default."},
		},
		Blocks: []NestedBlock{
			{Type: "tls", Description: "Serves HTTPS.", Body: Block{Attributes: []Attribute{
				{Name: "cert_file", Type: String, Required: true, Description: "PEM file of the certificate and its chain."},
				{Name: "key_file", Type: String, Required: true, Description: "PEM file of the certificate's key."},
				{Name: "ca_file", Type: String, Description: "PEM file of the authorities that sign clients' certificates."},
				{Name: "verify_client", Type: String, Default: `"none"`, OneOf: []string{"none", "optional", "required"},
					Description: "Who must show a certificate: nobody; callers of methods that change something; everybody."},
			}}},
			{Type: "auth", Description: "Asks for a password before anything is changed.", Body: Block{Attributes: []Attribute{
				{Name: "username", Type: String, Required: true, Description: "User of HTTP basic authentication."},
				{Name: "password", Type: String, Sensitive: true, Description: "Its password."},
				{Name: "password_file", Type: String, Description: "File that holds the password."},
			}}},
		},
	}
}

func watchdogSchema() Block {
	return Block{Attributes: []Attribute{
		{Name: "mode", Type: String, Default: `"automatic"`, OneOf: []string{WatchdogOff, WatchdogAutomatic, WatchdogRequired},
			Description: "Whether a watchdog is used: never; where there is one; or this member may not lead without it."},
		{Name: "device", Type: String, Default: `"/dev/watchdog"`, Description: "The watchdog's character device."},
		{Name: "safety_margin", Type: Duration, Minimum: bound(0),
			Description: "How long before the end of ttl the watchdog resets the host; 5s by default, half of ttl where that is less."},
	}}
}

func tagsSchema() Block {
	return Block{extra: true, Attributes: []Attribute{
		{Name: "nofailover", Type: Bool, Description: "Never becomes primary by itself."},
		{Name: "failover_priority", Type: Number, Minimum: bound(0), Maximum: bound(1_000_000), Description: "Greater is preferred among equals; 0 is nofailover; 1 by default."},
		{Name: "noloadbalance", Type: Bool, Default: "false", Description: "Gets no read traffic: /replica answers 503."},
		{Name: "clonefrom", Type: Bool, Default: "false", Description: "Preferred as the source of base backups."},
		{Name: "nosync", Type: Bool, Default: "false", Description: "Never counts as a synchronous standby."},
	}}
}

func logSchema() Block {
	return Block{Attributes: []Attribute{
		{Name: "level", Type: String, Default: `"info"`, OneOf: []string{"debug", "info", "warn", "error"}, Description: "Least level that is written."},
		{Name: "format", Type: String, Default: `"text"`, OneOf: []string{"text", "json"}, Description: "How a line is written."},
	}}
}

// pluginSchema is how a plugin is run; it may stand in every block that a plugin serves.
func pluginSchema() Block {
	return Block{Attributes: []Attribute{
		{Name: "command", Type: String, Description: "Absolute path of the plugin's binary; pgvigil-plugin-<name> in plugin_dir by default."},
		{Name: "sha256", Type: String, Description: "Checksum that the binary must have, 64 hexadecimal digits."},
		{Name: "args", Type: StringList, Description: "Arguments of the command."},
		{Name: "env", Type: StringMap, Description: "Variables added to the plugin's environment."},
		{Name: "transport", Type: String, Default: `"auto-mtls"`, OneOf: []string{TransportMTLS, TransportLocal},
			Description: "Whether the plugin's socket, which stands in a directory closed to other users, is encrypted as well; insecure-local is for plugins that cannot."},
	}}
}

func nanoseconds(d time.Duration) string { return format(Number, float64(d)) }

func bound[N int | time.Duration](n N) *float64 {
	f := float64(n)
	return &f
}
