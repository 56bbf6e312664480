// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// conversion brings one evaluated expression into the type of its attribute. Every method reports what
// it refuses and returns whether it took the value.
type conversion struct {
	*decoder
	attribute *Attribute
	out       *value
	loose     bool
}

func (c conversion) convert(v cty.Value) bool {
	switch c.attribute.Type {
	case String:
		return c.text(v)
	case Number:
		return c.numeric(v)
	case Bool:
		return c.boolean(v)
	case Duration:
		return c.duration(v)
	case Size:
		return c.size(v)
	case StringList:
		return c.list(v)
	case StringMap:
		return c.object(v)
	}
	return c.refuse(c.out.at, "a type that this version knows", "The plugin's schema is newer than this daemon.")
}

// refuse says what was expected. The value itself is not shown: it may be a secret, and its source line
// stands beside the message anyway.
func (c conversion) refuse(at hcl.Range, expected, hint string) bool {
	c.diags.Append(Diagnostic{Error, fmt.Sprintf("Unsuitable value of %q", c.attribute.Name), sentences("It must be "+expected+".", hint), rangeOf(at)})
	return false
}

func (c conversion) text(v cty.Value) bool {
	if v.Type() == cty.String {
		c.out.data = v.AsString()
		return true
	}
	if text, ok := scalar(v); ok && c.loose {
		c.out.data = text
		return true
	}
	if text, ok := scalar(v); ok && !c.out.sensitive {
		return c.refuse(c.out.at, "a string", fmt.Sprintf("Write %q in quotes.", text))
	}
	return c.refuse(c.out.at, "a string", "")
}

func (c conversion) numeric(v cty.Value) bool {
	if v.Type() == cty.Number {
		c.out.data = json.Number(decimal(v.AsBigFloat()))
		return true
	}
	hint := ""
	if v.Type() == cty.String && !c.out.sensitive {
		if _, err := strconv.ParseFloat(v.AsString(), 64); err == nil {
			hint = "Write it without quotes: " + v.AsString() + "."
		}
	}
	return c.refuse(c.out.at, "a number", hint)
}

func (c conversion) boolean(v cty.Value) bool {
	if v.Type() == cty.Bool {
		c.out.data = v.True()
		return true
	}
	hint := ""
	if v.Type() == cty.String {
		hint = "Write it without quotes."
	}
	return c.refuse(c.out.at, "true or false", hint)
}

func (c conversion) duration(v cty.Value) bool {
	if v.Type() == cty.Number {
		return c.refuse(c.out.at, "a duration", fmt.Sprintf("A duration needs a unit: write \"%ss\" for seconds.", decimal(v.AsBigFloat())))
	}
	if v.Type() != cty.String {
		return c.refuse(c.out.at, `a duration such as "10s"`, "")
	}
	parsed, complaint := parseDuration(v.AsString())
	if complaint != "" {
		return c.refuse(c.out.at, `a duration such as "10s"`, c.secretly(complaint))
	}
	c.out.data = int64(parsed)
	if parsed < 0 && c.attribute.Minimum == nil {
		return c.refuse(c.out.at, "a duration", "It must not be negative.")
	}
	return true
}

func (c conversion) size(v cty.Value) bool {
	text, ok := scalar(v)
	if !ok || v.Type() == cty.Bool {
		return c.refuse(c.out.at, `a size such as "16MB"`, "")
	}
	parsed, complaint := parseSize(text)
	if complaint != "" {
		return c.refuse(c.out.at, `a size such as "16MB"`, c.secretly(complaint))
	}
	c.out.data = parsed
	return true
}

// secretly is a complaint, unless it could quote a secret.
func (c conversion) secretly(complaint string) string {
	if c.out.sensitive {
		return ""
	}
	return complaint
}

func (c conversion) list(v cty.Value) bool {
	if !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
		return c.refuse(c.out.at, "a list of strings", "Write it in square brackets: [\"…\"].")
	}
	texts := []string{}
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if element.IsNull() || element.Type() != cty.String {
			return c.refuse(c.itemRange(strconv.Itoa(len(texts))), "a list of strings", fmt.Sprintf("Element %d is none.", len(texts)+1))
		}
		texts = append(texts, element.AsString())
	}
	c.out.data = texts
	return true
}

func (c conversion) object(v cty.Value) bool {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return c.refuse(c.out.at, "an object", "Write it in braces: { name = \"value\" }.")
	}
	texts := map[string]string{}
	for it := v.ElementIterator(); it.Next(); {
		key, element := it.Element()
		text, ok := scalar(element)
		if !ok {
			return c.refuse(c.itemRange(key.AsString()), "an object of strings, numbers and booleans", fmt.Sprintf("The value of %q is none of these.", key.AsString()))
		}
		texts[key.AsString()] = text
	}
	c.out.data = texts
	return true
}

func (c conversion) itemRange(key string) hcl.Range {
	if r, ok := c.out.items[key]; ok {
		return r
	}
	return c.out.at
}

// scalar is a string, number or boolean as text.
func scalar(v cty.Value) (string, bool) {
	if v.IsNull() || !v.IsKnown() {
		return "", false
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Number:
		return decimal(v.AsBigFloat()), true
	case cty.Bool:
		return strconv.FormatBool(v.True()), true
	}
	return "", false
}

// decimal writes a number so that JSON and people read it; a huge exponent stays an exponent.
func decimal(f *big.Float) string {
	const maxExponent = 4096
	if f.IsInf() {
		return "1e999"
	}
	if e := f.MantExp(nil); e > maxExponent || e < -maxExponent {
		return f.Text('g', -1)
	}
	return f.Text('f', -1)
}

// dataOf reads the JSON of a default into the form that values have.
func dataOf(t Type, text []byte) (any, error) {
	switch t {
	case String:
		return unmarshal[string](text)
	case Number:
		return unmarshal[json.Number](text)
	case Bool:
		return unmarshal[bool](text)
	case Duration, Size:
		return unmarshal[int64](text)
	case StringList:
		return unmarshal[[]string](text)
	case StringMap:
		return unmarshal[map[string]string](text)
	}
	return nil, fmt.Errorf("unknown type %d", t)
}

func unmarshal[T any](text []byte) (any, error) {
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("decode %s: %w", text, err)
	}
	return v, nil
}
