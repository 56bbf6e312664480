// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// pluginForm is what names of plugins look like: they become file names.
var pluginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

var sha256Form = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// pluginBlock reads how a block's plugin is run and leaves its body for DecodePlugin.
func (d *decoder) pluginBlock(c *Config, b *decoded, kind string) PluginBlock {
	if b == nil {
		return PluginBlock{}
	}
	p := PluginBlock{Kind: kind, Name: kind, Range: rangeOf(b.header), body: b.raw.Body, header: b.header}
	if len(b.labels) == 1 {
		p.Name = b.labels[0].text
		if !pluginForm.MatchString(p.Name) {
			d.diags.errorf(b.labels[0].at, "Not a plugin's name", "The label of a %s block is the name of the plugin that serves it: up to 32 lower-case letters, digits, hyphens and underscores.", kind)
		}
	}
	run := d.pluginRun(b)
	p.Command = run.text("command")
	if p.Command == "" {
		p.Command = filepath.Join(c.PluginDir, "pgvigil-plugin-"+p.Name)
	} else if !filepath.IsAbs(p.Command) {
		d.diags.errorf(run.at("command"), `"command" must be an absolute path`, "The daemon does not search for plugins.")
	}
	p.SHA256 = strings.ToLower(run.text("sha256"))
	if p.SHA256 != "" && !sha256Form.MatchString(p.SHA256) {
		d.diags.errorf(run.at("sha256"), "Not a SHA-256 checksum", "It has 64 hexadecimal digits, as sha256sum prints them.")
	}
	p.Args, p.Env, p.Transport = run.list("args"), run.object("env"), run.text("transport")
	return p
}

// pluginRun decodes the plugin block inside a plugin's body.
func (d *decoder) pluginRun(b *decoded) *decoded {
	only := Block{partial: true, Blocks: []NestedBlock{{Type: blockPlugin, Body: pluginSchema()}}}
	inner := d.body(&only, b.raw.Body, b.header, "")
	if run := inner.first(blockPlugin); run != nil {
		return run
	}
	schema := pluginSchema()
	return d.body(&schema, &hclsyntax.Body{}, b.header, blockPlugin)
}

// routers reads the router blocks; a plugin may serve one block.
func (d *decoder) routers(c *Config, root *decoded) {
	first := map[string]PluginBlock{c.DCS.Name: c.DCS, blockPostgres: c.Postgres}
	for _, b := range root.blocks[blockRouter] {
		p := d.pluginBlock(c, b, blockRouter)
		if before, again := first[p.Name]; again {
			d.diags.errorf(b.header, fmt.Sprintf("Second block of the plugin %q", p.Name), "A plugin may serve one block; the first is %s.", before.where())
			continue
		}
		first[p.Name] = p
		c.Routers = append(c.Routers, p)
	}
}

// where names the block and its place, for messages.
func (p PluginBlock) where() string {
	if p.Kind == "" {
		return "reserved"
	}
	return fmt.Sprintf("%s at %s", p, p.Range)
}

// Plugins lists the plugin blocks: DCS, PostgreSQL where there is one, then the routers.
func (c *Config) Plugins() []PluginBlock {
	out := []PluginBlock{c.DCS}
	if c.Postgres.Kind != "" {
		out = append(out, c.Postgres)
	}
	return append(out, c.Routers...)
}
