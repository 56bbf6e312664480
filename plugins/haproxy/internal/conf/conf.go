// SPDX-License-Identifier: Apache-2.0

// Package conf is the body of router "haproxy": its schema and what can be said of it without HAProxy.
package conf

import (
	"strconv"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Body is the block as it arrives; its members are described in the schema.
type Body struct {
	Sockets        []string          `json:"sockets"`
	MasterSockets  []string          `json:"master_sockets"`
	PrimaryBackend string            `json:"primary_backend"`
	ReplicaBackend string            `json:"replica_backend"`
	MaxLag         *uint64           `json:"max_lag"`
	Tags           map[string]string `json:"tags"`
	CutPrimary     bool              `json:"cut_primary_sessions"`
	CutReplica     bool              `json:"cut_replica_sessions"`
	NewServer      string            `json:"new_server"`
	ConfigFile     *ConfigFile       `json:"config_file"`
}

// ConfigFile is the config_file block.
type ConfigFile struct {
	Path        string   `json:"path"`
	PrimaryBind string   `json:"primary_bind"`
	ReplicaBind string   `json:"replica_bind"`
	Server      string   `json:"default_server"`
	Main        []string `json:"main"`
	Program     string   `json:"program"`
	Reload      []string `json:"reload"`
}

// Schema describes the body.
func Schema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: attributes(), Blocks: []*pluginv1.NestedBlock{{
		Type: "config_file", Body: configFileSchema(),
		Description: "Has the plugin keep a configuration file of its own with both sections, " +
			"and reload HAProxy when members come or go.",
	}}}
}

func attributes() []*pluginv1.Attribute {
	return []*pluginv1.Attribute{
		{Name: "sockets", Type: pluginv1.Type_TYPE_STRING_LIST, DefaultJson: `["/run/haproxy/admin.sock"]`,
			Description: "Absolute paths of HAProxy's admin sockets on this host, one for each HAProxy."},
		{Name: "master_sockets", Type: pluginv1.Type_TYPE_STRING_LIST,
			Description: "Paths of HAProxy's master sockets; with them, sessions end also " +
				"in old processes that a reload left behind; none by default."},
		str("primary_backend", "primary",
			"Name of the backend or listen section whose servers are the members, for the primary's traffic."),
		str("replica_backend", "",
			"Name of the backend or listen section for reads; none by default."),
		{Name: "max_lag", Type: pluginv1.Type_TYPE_SIZE, Minimum: new(float64),
			Description: "How much WAL a member of the replica backend may have yet to replay, " +
				"as in the backend's health check; any amount by default."},
		{Name: "tags", Type: pluginv1.Type_TYPE_STRING_MAP,
			Description: "Tags that a member of the replica backend must have, as in the backend's health check."},
		flag("cut_primary_sessions", true, "Whether sessions end on a server that leaves the primary backend."),
		flag("cut_replica_sessions", false, "Whether sessions end on a server that leaves the replica backend."),
		str("new_server", "",
			"Options of the server added, until HAProxy is reloaded, for a member that has none (HAProxy 2.6 and later), "+
				"such as \"check port 8008 inter 2s on-marked-down shutdown-sessions\"; none is added by default."),
	}
}

func configFileSchema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		required("path", "Absolute path of the file, such as /etc/haproxy/conf.d/pgvigil.cfg; it is replaced as a whole."),
		required("primary_bind", "Where clients connect for the primary, as in a bind line, such as \"*:5000\"."),
		str("replica_bind", "", "Where clients connect for reads; needed with replica_backend."),
		str("default_server", "port 8008 inter 2s fastinter 200ms downinter 500ms fall 3 rise 2",
			"Options of all servers; the port is that of pgvigild's health checks."),
		{Name: "main", Type: pluginv1.Type_TYPE_STRING_LIST, DefaultJson: `["/etc/haproxy/haproxy.cfg"]`,
			Description: "The files HAProxy loads before this one; they are checked together, and never written."},
		str("program", "/usr/sbin/haproxy", "HAProxy's program, to check the file with -c before it is put in place."),
		{Name: "reload", Type: pluginv1.Type_TYPE_STRING_LIST,
			Description: "Command that reloads HAProxy, word by word, " +
				"such as [\"sudo\", \"systemctl\", \"reload\", \"haproxy\"]; by default the master sockets are used."},
	}}
}

func required(name, description string) *pluginv1.Attribute {
	return &pluginv1.Attribute{Name: name, Type: pluginv1.Type_TYPE_STRING, Required: true, Description: description}
}

func str(name, value, description string) *pluginv1.Attribute {
	a := required(name, description)
	a.Required, a.DefaultJson = false, strconv.Quote(value)
	return a
}

func flag(name string, value bool, description string) *pluginv1.Attribute {
	return &pluginv1.Attribute{
		Name: name, Type: pluginv1.Type_TYPE_BOOL, DefaultJson: strconv.FormatBool(value), Description: description,
	}
}

// Decode reads a body.
func Decode(c sdk.Config) (Body, []*pluginv1.Diagnostic) {
	var b Body
	if err := c.Decode(&b); err != nil {
		return Body{}, []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	return b, nil
}
