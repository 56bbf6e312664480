// SPDX-License-Identifier: Apache-2.0

package config

import "github.com/hashicorp/hcl/v2/hclsyntax"

const (
	postgresPort = 5432
	postgresUser = "postgres"
)

// serverSchema are the attributes of the postgres block that the core has to know too.
func serverSchema() Block {
	return Block{partial: true, Attributes: []Attribute{
		{Name: "listen", Type: String},
		{Name: "connect", Type: String},
		{Name: "user", Type: String},
		{Name: "data_dir", Type: String},
		{Name: "use_rewind", Type: Bool, Default: "true"},
		{Name: "remove_data_on_rewind_failure", Type: Bool, Default: "true"},
	}}
}

// server reads what the core needs of the postgres block. The plugin's own schema judges the same
// attributes again, so types are not complained about here.
func (d *decoder) server(c *Config) {
	c.Server.User = postgresUser
	if c.Postgres.body == nil {
		return
	}
	schema := serverSchema()
	b := d.quiet().body(&schema, c.Postgres.body, c.Postgres.header, blockPostgres)
	c.Server.UseRewind, c.Server.RemoveDataOnRewindFailure = b.flag("use_rewind"), b.flag("remove_data_on_rewind_failure")
	c.Server.DataDir = b.text("data_dir")
	if user := b.text("user"); user != "" {
		c.Server.User = user
	}
	if b.set("connect") {
		c.Server.Host, c.Server.Port, _ = d.connectable(b, "connect")
		return
	}
	if b.seen["connect"] {
		return
	}
	c.Server.Host, c.Server.Port = d.serverAddress(c.loader, b)
}

// serverAddress stands in for connect: the address listened on or, where that is all addresses or
// several, the host name.
func (d *decoder) serverAddress(l *Loader, b *decoded) (string, uint16) {
	host, port, complaint := splitAddress(b.text("listen"))
	if complaint != "" {
		host, port = "", postgresPort
	}
	if anyHost(host) {
		host, _ = l.hostname()
	}
	return host, port
}

// quiet is a decoder whose findings nobody reads.
func (d *decoder) quiet() *decoder {
	return &decoder{diags: &Diagnostics{}, contexts: d.contexts, incomplete: true}
}

// bodyOf is the block's body without what is ours in it.
func (p PluginBlock) bodyOf() *hclsyntax.Body {
	out := &hclsyntax.Body{Attributes: p.body.Attributes, SrcRange: p.body.SrcRange, EndRange: p.body.EndRange}
	for _, b := range p.body.Blocks {
		if b.Type != blockPlugin {
			out.Blocks = append(out.Blocks, b)
		}
	}
	return out
}
