// SPDX-License-Identifier: Apache-2.0

package config

// Type of an attribute's value: how it is written in HCL and how it stands in the JSON for a plugin.
type Type int

// The types. The zero Type is never valid.
const (
	// String is a quoted string; a JSON string.
	String Type = iota + 1
	// Number is a bare number; a JSON number.
	Number
	// Bool is true or false.
	Bool
	// Duration is written "10s" or "1m30s"; a JSON number of nanoseconds.
	Duration
	// Size is written 1024 or "16MB", units are powers of 1024; a JSON number of bytes.
	Size
	// StringList is a list of strings.
	StringList
	// StringMap is an object; numbers and booleans in it become strings.
	StringMap
)

// Block is the schema of a body: what may stand between its braces.
type Block struct {
	Attributes []Attribute
	Blocks     []NestedBlock

	// extra collects attributes that are not in the schema, as strings, instead of refusing them.
	extra bool
	// partial leaves alone what is not in the schema: somebody else decodes it.
	partial bool
}

// Attribute is the schema of one attribute.
type Attribute struct {
	Name string
	Type Type
	// Required makes leaving it out an error; exclusive with Default.
	Required bool
	// Default is the JSON of the value that stands in when it is left out; empty leaves it out.
	Default string
	// Description is one sentence: what it does, its unit.
	Description string
	// Sensitive values are never printed.
	Sensitive bool
	// OneOf are the only strings allowed; empty allows any.
	OneOf []string
	// Minimum and Maximum bound a number, a duration (ns) or a size (bytes); nil is no bound.
	Minimum, Maximum *float64
}

// NestedBlock is the schema of a block inside a body.
type NestedBlock struct {
	Type string
	// Labels name the labels that must follow the type.
	Labels []string
	// Required makes leaving it out an error.
	Required bool
	// Repeated allows more than one.
	Repeated    bool
	Body        Block
	Description string

	// opaque leaves the body undecoded: a plugin's schema comes later.
	opaque bool
}

func (b *Block) attribute(name string) *Attribute {
	for i := range b.Attributes {
		if b.Attributes[i].Name == name {
			return &b.Attributes[i]
		}
	}
	return nil
}

func (b *Block) block(typ string) *NestedBlock {
	for i := range b.Blocks {
		if b.Blocks[i].Type == typ {
			return &b.Blocks[i]
		}
	}
	return nil
}

func (b *Block) attributeNames() []string {
	names := make([]string, len(b.Attributes))
	for i, a := range b.Attributes {
		names[i] = a.Name
	}
	return names
}

func (b *Block) blockTypes() []string {
	types := make([]string, len(b.Blocks))
	for i, n := range b.Blocks {
		types[i] = n.Type
	}
	return types
}
