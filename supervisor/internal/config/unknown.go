// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (d *decoder) unknownAttribute(schema *Block, a *hclsyntax.Attribute, where string) {
	summary := fmt.Sprintf("Unknown attribute %q", a.Name)
	if where != "" {
		summary += " in " + where
	}
	d.diags.errorf(a.NameRange, summary, firstOf(
		blockInstead(schema, a.Name),
		moved(a.Name, where),
		didYouMean(a.Name, schema.attributeNames()),
		nearBlock(schema, a.Name),
		elsewhere(a.Name, where),
		standHere(schema.attributeNames(), "attributes"),
	))
}

func (d *decoder) unknownBlock(schema *Block, b *hclsyntax.Block, where string) {
	if src := d.sources.find(b.TypeRange.Filename); src != nil && src.broken && rootSchema().block(b.Type) != nil {
		return // the brace that is missing before it was found already
	}
	summary := fmt.Sprintf("Unknown block %q", b.Type)
	if where != "" {
		summary += " in " + where
	}
	attribute := ""
	if schema.attribute(b.Type) != nil {
		attribute = fmt.Sprintf("%q is an attribute: write %s = …", b.Type, b.Type)
	}
	d.diags.errorf(b.TypeRange, summary, firstOf(
		attribute,
		moved(b.Type, where),
		didYouMean(b.Type, schema.blockTypes()),
		standHere(schema.blockTypes(), "blocks"),
	))
}

// warnNear finds the misspelling of a known name where other names are allowed too.
func (d *decoder) warnNear(schema *Block, a *hclsyntax.Attribute, where string) {
	if hint := firstOf(moved(a.Name, where), didYouMean(a.Name, schema.attributeNames())); hint != "" {
		d.diags.warnf(a.NameRange, fmt.Sprintf("%q in %s has no meaning to pgvigil", a.Name, where), hint)
	}
}

func firstOf(hints ...string) string {
	for _, h := range hints {
		if h != "" {
			return h
		}
	}
	return ""
}

func blockInstead(schema *Block, name string) string {
	if schema.block(name) == nil {
		return ""
	}
	return fmt.Sprintf("%q is a block: write %s { … } without an equals sign.", name, name)
}

func nearBlock(schema *Block, name string) string {
	if n := nearest(name, schema.blockTypes()); n != "" {
		return fmt.Sprintf("Did you mean the block %s { … }?", n)
	}
	return ""
}

// elsewhere finds a name of another core block.
func elsewhere(name, where string) string {
	root := rootSchema()
	for _, b := range root.Blocks {
		if b.Type != where && b.Body.attribute(name) != nil {
			return fmt.Sprintf("%q stands in the %s block.", name, b.Type)
		}
	}
	if where != "" && root.attribute(name) != nil {
		return fmt.Sprintf("%q stands outside of all blocks.", name)
	}
	return ""
}

func standHere(names []string, what string) string {
	const most = 12
	switch {
	case len(names) == 0:
		return "No " + what + " may stand here."
	case len(names) > most:
		return ""
	}
	return fmt.Sprintf("The %s that may stand here: %s.", what, quoteAnd(names))
}
