// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"fmt"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Type of an attribute's value.
type Type int

// The types, in the order of the protocol. The zero Type is never valid.
const (
	String Type = iota + 1
	Number
	Bool
	Duration
	Size
	StringList
	StringMap
)

// Block is the schema of the body of a plugin's block.
type Block struct {
	Attributes []Attribute
	Blocks     []NestedBlock
}

// Attribute is the schema of one attribute; see plugin.v1.Attribute.
type Attribute struct {
	Name     string
	Type     Type
	Required bool
	// Default is the JSON of the value that stands in when it is left out; empty leaves it out.
	Default     string
	Description string
	Sensitive   bool
	OneOf       []string
	// Minimum and Maximum are nil for no bound.
	Minimum, Maximum *float64
}

// NestedBlock is the schema of a block inside a body; see plugin.v1.NestedBlock.
type NestedBlock struct {
	Type        string
	Labels      []string
	Required    bool
	Repeated    bool
	Body        Block
	Description string
}

// maxNesting bounds blocks within blocks.
const maxNesting = 16

// askSchema asks the plugin for the schema of its block.
func (s *session) askSchema(ctx context.Context) (Block, error) {
	answer, err := s.base.Schema(ctx, &pluginv1.SchemaRequest{})
	if err != nil {
		return Block{}, fmt.Errorf("schema of plugin: %w", err)
	}
	block, err := blockFromWire(answer.GetBody(), maxNesting)
	if err != nil {
		return Block{}, refusef("schema of plugin %s: %w", s.spec.Name, err)
	}
	return block, nil
}

func blockFromWire(b *pluginv1.Block, depth int) (Block, error) {
	if depth == 0 {
		return Block{}, fmt.Errorf("blocks are nested deeper than %d", maxNesting)
	}
	var block Block
	for _, a := range b.GetAttributes() {
		attribute, err := attributeFromWire(a)
		if err != nil {
			return Block{}, err
		}
		block.Attributes = append(block.Attributes, attribute)
	}
	for _, n := range b.GetBlocks() {
		nested, err := nestedFromWire(n, depth-1)
		if err != nil {
			return Block{}, err
		}
		block.Blocks = append(block.Blocks, nested)
	}
	return block, nil
}

func attributeFromWire(a *pluginv1.Attribute) (Attribute, error) {
	typ, err := typeFromWire(a.GetType())
	if err != nil {
		return Attribute{}, fmt.Errorf("attribute %q: %w", a.GetName(), err)
	}
	return Attribute{
		Name: a.GetName(), Type: typ, Required: a.GetRequired(), Default: a.GetDefaultJson(),
		Description: a.GetDescription(), Sensitive: a.GetSensitive(), OneOf: a.GetOneOf(),
		Minimum: a.Minimum, Maximum: a.Maximum,
	}, nil
}

func nestedFromWire(n *pluginv1.NestedBlock, depth int) (NestedBlock, error) {
	body, err := blockFromWire(n.GetBody(), depth)
	if err != nil {
		return NestedBlock{}, fmt.Errorf("block %q: %w", n.GetType(), err)
	}
	return NestedBlock{
		Type: n.GetType(), Labels: n.GetLabels(), Required: n.GetRequired(), Repeated: n.GetRepeated(),
		Body: body, Description: n.GetDescription(),
	}, nil
}

func typeFromWire(t pluginv1.Type) (Type, error) {
	switch t {
	case pluginv1.Type_TYPE_STRING:
		return String, nil
	case pluginv1.Type_TYPE_NUMBER:
		return Number, nil
	case pluginv1.Type_TYPE_BOOL:
		return Bool, nil
	case pluginv1.Type_TYPE_DURATION:
		return Duration, nil
	case pluginv1.Type_TYPE_SIZE:
		return Size, nil
	case pluginv1.Type_TYPE_STRING_LIST:
		return StringList, nil
	case pluginv1.Type_TYPE_STRING_MAP:
		return StringMap, nil
	}
	return 0, unknownEnum(t)
}
