// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// DecodePart decodes of a plugin's body what the schema names, as DecodePlugin does, into v as encoding/json does. What else
// stands there is left to the plugin, which need not be started. A zero block, one that is not there, has the defaults. With
// an error among the diagnostics v is of no use.
func (c *Config) DecodePart(block PluginBlock, schema Block, v any) *Diagnostics {
	if block.body == nil {
		block.body = &hclsyntax.Body{}
	}
	text, _, diags := c.DecodePlugin(block, schema.part())
	if diags.HasErrors() {
		return diags
	}
	if err := json.Unmarshal(text, v); err != nil {
		diags.errorf(block.header, "The body cannot be read", "%v.", err)
	}
	return diags
}

// part is the schema as one that others know more of, nested blocks too.
func (b Block) part() Block {
	b.partial = true
	b.Blocks = slices.Clone(b.Blocks)
	for i := range b.Blocks {
		b.Blocks[i].Body = b.Blocks[i].Body.part()
	}
	return b
}

// Router is the block of a router plugin, and whether there is one.
func (c *Config) Router(name string) (PluginBlock, bool) {
	i := slices.IndexFunc(c.Routers, func(p PluginBlock) bool { return p.Name == name })
	if i < 0 {
		return PluginBlock{}, false
	}
	return c.Routers[i], true
}
