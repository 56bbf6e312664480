// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// decoder turns HCL bodies into values by a schema. One decoder serves one pass.
type decoder struct {
	diags    *Diagnostics
	sources  sources
	contexts map[string]*hcl.EvalContext
	// incomplete keeps quiet about what is missing: a file could not be read to its end.
	incomplete bool
}

// decoded is a body after decoding.
type decoded struct {
	// header is the place of the block's type and labels, to point at the block as a whole.
	header hcl.Range
	labels []label
	// values are the attributes that stand there and are usable, and the defaults.
	values map[string]value
	// seen are the attributes and blocks that stand there, usable or not.
	seen   map[string]bool
	blocks map[string][]*decoded
	// raw is the block as parsed; nil for the top level.
	raw *hclsyntax.Block
}

type label struct {
	text string
	at   hcl.Range
}

// body decodes src. The names in where tell people which block they look at.
func (d *decoder) body(schema *Block, src *hclsyntax.Body, header hcl.Range, where string) *decoded {
	out := &decoded{header: header, values: map[string]value{}, seen: map[string]bool{}, blocks: map[string][]*decoded{}}
	for _, a := range inOrder(src.Attributes) {
		d.attribute(schema, a, where, out)
	}
	for _, b := range src.Blocks {
		d.block(schema, b, where, out)
	}
	d.complete(schema, out, where)
	return out
}

func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(attrs), func(a, b *hclsyntax.Attribute) int {
		return cmp.Or(
			cmp.Compare(a.NameRange.Filename, b.NameRange.Filename),
			cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte),
		)
	})
}

func (d *decoder) attribute(schema *Block, a *hclsyntax.Attribute, where string, out *decoded) {
	out.seen[a.Name] = true
	known := schema.attribute(a.Name)
	switch {
	case known != nil:
	case schema.extra:
		known = &Attribute{Name: a.Name, Type: String}
		d.warnNear(schema, a, where)
	case schema.partial:
		return
	default:
		d.unknownAttribute(schema, a, where)
		return
	}
	if v, ok := d.value(known, a, schema.extra); ok {
		out.values[a.Name] = v
	}
}

func (d *decoder) block(schema *Block, b *hclsyntax.Block, where string, out *decoded) {
	known := schema.block(b.Type)
	if known == nil {
		if !schema.partial {
			d.unknownBlock(schema, b, where)
		}
		return
	}
	out.seen[b.Type] = true
	if !d.labelled(known, b) {
		return
	}
	if before := out.blocks[b.Type]; len(before) > 0 && !known.Repeated {
		d.diags.errorf(b.DefRange(), "Second "+b.Type+" block",
			"There may be one %s block%s; the first stands at %s.", b.Type, inBlock(where), place(before[0].header))
		return
	}
	body := &decoded{header: b.DefRange()}
	if !known.opaque {
		body = d.body(&known.Body, b.Body, b.DefRange(), b.Type)
	}
	body.raw = b
	for i, text := range b.Labels {
		body.labels = append(body.labels, label{text, b.LabelRanges[i]})
	}
	out.blocks[b.Type] = append(out.blocks[b.Type], body)
}

// labelled checks the number of labels.
func (d *decoder) labelled(known *NestedBlock, b *hclsyntax.Block) bool {
	if len(b.Labels) == len(known.Labels) {
		return true
	}
	head := b.Type
	for _, l := range known.Labels {
		head += fmt.Sprintf(" %q", l)
	}
	if len(b.Labels) > len(known.Labels) {
		d.diags.errorf(b.LabelRanges[len(known.Labels)], "Label too many", "Write it as: %s { … }", head)
	} else {
		d.diags.errorf(b.DefRange(), "Label missing", "Write it as: %s { … }", head)
	}
	return false
}

// complete fills in the defaults and finds what is missing.
func (d *decoder) complete(schema *Block, out *decoded, where string) {
	for i := range schema.Attributes {
		a := &schema.Attributes[i]
		switch {
		case out.seen[a.Name]:
		case a.Default != "":
			d.setDefault(a, out)
		case a.Required && !d.incomplete:
			d.diags.errorf(out.header, fmt.Sprintf("Missing attribute %q", a.Name), sentences(
				fmt.Sprintf("%q must be set%s.", a.Name, inBlock(where)), a.Description))
		}
	}
	for _, n := range schema.Blocks {
		if n.Required && !out.seen[n.Type] && !d.incomplete {
			d.diags.errorf(out.header, fmt.Sprintf("Missing %s block", n.Type), sentences(
				fmt.Sprintf("There must be a %s block%s.", n.Type, inBlock(where)), n.Description))
		}
	}
}

func (d *decoder) setDefault(a *Attribute, out *decoded) {
	data, err := dataOf(a.Type, []byte(a.Default))
	if err != nil {
		d.diags.errorf(out.header, fmt.Sprintf("Unusable default of %q", a.Name), "The schema's default does not fit its type: %v.", err)
		return
	}
	out.values[a.Name] = value{data: data, at: out.header, sensitive: a.Sensitive}
}

func inBlock(where string) string {
	if where == "" {
		return ""
	}
	return " in " + where
}

func place(r hcl.Range) string { return rangeOf(r).String() }
