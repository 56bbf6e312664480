// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

func attribute(name string, t pluginv1.Type, change func(*pluginv1.Attribute)) *pluginv1.Attribute {
	a := &pluginv1.Attribute{Name: name, Type: t, Description: "For the test."}
	if change != nil {
		change(a)
	}
	return a
}

func block(attributes ...*pluginv1.Attribute) *pluginv1.Block {
	return &pluginv1.Block{Attributes: attributes}
}

func withDefault(v string) func(*pluginv1.Attribute) {
	return func(a *pluginv1.Attribute) { a.DefaultJson = v }
}

func TestCheckSchema(t *testing.T) {
	const str, num, dur = pluginv1.Type_TYPE_STRING, pluginv1.Type_TYPE_NUMBER, pluginv1.Type_TYPE_DURATION
	deep := block()
	for range 10 {
		deep = &pluginv1.Block{Blocks: []*pluginv1.NestedBlock{{Type: "n", Body: deep}}}
	}
	tests := map[string]struct {
		schema *pluginv1.Block
		want   string
	}{
		"nil":             {nil, ""},
		"fine":            {block(attribute("a", str, withDefault(`"x"`)), attribute("b", dur, withDefault("1000"))), ""},
		"name":            {block(attribute("A", str, nil)), "not lower-case"},
		"label name":      {block(attribute("_label1", str, nil)), "not lower-case"},
		"twice":           {block(attribute("a", str, nil), attribute("a", num, nil)), "used twice"},
		"no type":         {block(attribute("a", 0, nil)), "unknown"},
		"unknown type":    {block(attribute("a", 99, nil)), "unknown"},
		"default type":    {block(attribute("a", str, withDefault("1"))), "default must be a string"},
		"default junk":    {block(attribute("a", str, withDefault("{"))), "default"},
		"default twice":   {block(attribute("a", num, withDefault("1 2"))), "something follows"},
		"no description":  {block(&pluginv1.Attribute{Name: "a", Type: str}), "no description"},
		"too deep":        {deep, "nested too deeply"},
		"nested name":     {&pluginv1.Block{Blocks: []*pluginv1.NestedBlock{{Type: "n", Body: block(attribute("-", str, nil))}}}, "schema.n"},
		"block and value": {&pluginv1.Block{Attributes: block(attribute("n", str, nil)).GetAttributes(), Blocks: []*pluginv1.NestedBlock{{Type: "n"}}}, "used twice"},
		"required default": {block(attribute("a", num, func(a *pluginv1.Attribute) {
			a.Required, a.DefaultJson = true, "1"
		})), "required and with a default"},
		"default outside": {block(attribute("a", num, func(a *pluginv1.Attribute) {
			a.Minimum, a.DefaultJson = new(2.0), "1"
		})), "at least 2"},
		"bounds crossed": {block(attribute("a", num, func(a *pluginv1.Attribute) {
			a.Minimum, a.Maximum = new(2.0), new(1.0)
		})), "minimum above maximum"},
		"bounded string": {block(attribute("a", str, func(a *pluginv1.Attribute) { a.Minimum = new(2.0) })), "bounds on"},
		"choice of numbers": {block(attribute("a", num, func(a *pluginv1.Attribute) {
			a.OneOf = []string{"1"}
		})), "one_of on"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := sdk.CheckSchema(test.schema)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want nothing", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}
