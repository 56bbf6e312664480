// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// The accessors below return zero values for what is not there or was refused; they take a nil *decoded
// for a block that is not there.

func (b *decoded) value(name string) (value, bool) {
	if b == nil {
		return value{}, false
	}
	v, ok := b.values[name]
	return v, ok
}

// set tells whether an attribute stands in the file and is usable.
func (b *decoded) set(name string) bool {
	v, ok := b.value(name)
	return ok && v.explicit
}

func (b *decoded) text(name string) string {
	v, _ := b.value(name)
	text, _ := v.data.(string)
	return text
}

func (b *decoded) flag(name string) bool {
	v, _ := b.value(name)
	flag, _ := v.data.(bool)
	return flag
}

// whole is a duration, a size or a number without its fraction.
func (b *decoded) whole(name string) int64 {
	v, _ := b.value(name)
	switch n := v.data.(type) {
	case int64:
		return n
	case json.Number:
		f, _ := n.Float64()
		return int64(f)
	}
	return 0
}

func (b *decoded) duration(name string) time.Duration { return time.Duration(b.whole(name)) }

func (b *decoded) list(name string) []string {
	v, _ := b.value(name)
	list, _ := v.data.([]string)
	return list
}

func (b *decoded) object(name string) map[string]string {
	v, _ := b.value(name)
	object, _ := v.data.(map[string]string)
	return object
}

// at is the place of an attribute's value, or of the block where it is not set.
func (b *decoded) at(name string) hcl.Range {
	if v, ok := b.value(name); ok && v.explicit {
		return v.at
	}
	if b == nil {
		return hcl.Range{}
	}
	return b.header
}

// first is the only block of a type, nil when there is none.
func (b *decoded) first(typ string) *decoded {
	if b == nil || len(b.blocks[typ]) == 0 {
		return nil
	}
	return b.blocks[typ][0]
}
