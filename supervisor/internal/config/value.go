// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// value is one decoded attribute.
type value struct {
	// data is string, json.Number, bool, int64 (ns or bytes), []string or map[string]string.
	data any
	// at is the expression; for a default, the head of the block.
	at hcl.Range
	// items are the places of list elements, by index, and of map values, by key.
	items map[string]hcl.Range
	// explicit tells a value that stands in a file from a default.
	explicit  bool
	sensitive bool
}

// value evaluates an attribute and converts it to the type of its schema. With loose, a string may also
// be written as number or boolean. Null counts as left out.
func (d *decoder) value(known *Attribute, a *hclsyntax.Attribute, loose bool) (value, bool) {
	if d.unquoted(known, a) {
		return value{}, false
	}
	out := value{at: a.Expr.Range(), items: items(a.Expr), explicit: true, sensitive: known.Sensitive}
	d.repeatedKeys(a.Expr)
	evaluated, found := a.Expr.Value(d.contexts[a.NameRange.Filename])
	d.diags.appendHCL(found)
	if found.HasErrors() {
		return value{}, false
	}
	plain, marks := evaluated.UnmarkDeep()
	if len(marks) > 0 {
		out.sensitive = true
	}
	if !plain.IsWhollyKnown() {
		d.diags.errorf(out.at, fmt.Sprintf("%q has no value", known.Name), "The expression cannot be computed.")
		return value{}, false
	}
	if plain.IsNull() {
		return value{}, false
	}
	d.guardSecret(known, a)
	c := conversion{decoder: d, attribute: known, out: &out, loose: loose}
	return out, c.convert(plain) && d.bounded(known, out)
}

// unquoted catches a word without quotes, which HCL takes for a variable; there are none here.
func (d *decoder) unquoted(known *Attribute, a *hclsyntax.Attribute) bool {
	word := hcl.ExprAsKeyword(a.Expr)
	if word == "" || word == "true" || word == "false" || word == "null" {
		return false
	}
	hint := fmt.Sprintf("Write it in quotes: %s = %q.", known.Name, word)
	if known.Type == Bool {
		hint = fmt.Sprintf("%q is true or false.", known.Name)
	} else if len(known.OneOf) > 0 {
		hint = fmt.Sprintf("%q is %s, in quotes.", known.Name, quoteOr(known.OneOf))
	}
	if known.Sensitive {
		hint = "Write it in quotes."
	}
	d.diags.errorf(a.Expr.Range(), "Word without quotes", hint)
	return true
}

// guardSecret keeps a sensitive value off the screen, and warns where any user can read it.
func (d *decoder) guardSecret(known *Attribute, a *hclsyntax.Attribute) {
	src := d.sources.find(a.NameRange.Filename)
	if !known.Sensitive || src == nil || !isLiteral(a.Expr) {
		return
	}
	src.secrets = append(src.secrets, a.Expr.Range())
	if src.public {
		d.diags.warnf(a.NameRange, "Secret in a file that everybody can read",
			"The value of %q stands in this file, and its mode lets every user read it. Take the right away (chmod o-r), or fetch the value with file(\"…\"), credential(\"…\") or env(\"…\").", known.Name)
	}
}

// bounded checks a value against one_of, minimum and maximum.
func (d *decoder) bounded(known *Attribute, v value) bool {
	if text, ok := v.data.(string); ok && len(known.OneOf) > 0 {
		return d.oneOf(known, v, text)
	}
	n, ok := v.number()
	if !ok {
		return true
	}
	switch {
	case known.Minimum != nil && n < *known.Minimum:
		d.diags.errorf(v.at, fmt.Sprintf("%q is too small", known.Name), sentences(
			fmt.Sprintf("It must be at least %s, not %s.", format(known.Type, *known.Minimum), v.shown(known.Type)), known.Description))
		return false
	case known.Maximum != nil && n > *known.Maximum:
		d.diags.errorf(v.at, fmt.Sprintf("%q is too large", known.Name), sentences(
			fmt.Sprintf("It must be at most %s, not %s.", format(known.Type, *known.Maximum), v.shown(known.Type)), known.Description))
		return false
	}
	return true
}

func (d *decoder) oneOf(known *Attribute, v value, text string) bool {
	for _, allowed := range known.OneOf {
		if text == allowed {
			return true
		}
	}
	shown := fmt.Sprintf("%q", text)
	hint := didYouMean(text, known.OneOf)
	if v.sensitive {
		shown, hint = "(sensitive)", ""
	}
	d.diags.errorf(v.at, fmt.Sprintf("Unknown value of %q", known.Name), sentences(
		fmt.Sprintf("It is %s, not %s.", quoteOr(known.OneOf), shown), hint))
	return false
}

// number is the value as a number, where it is one.
func (v value) number() (float64, bool) {
	switch n := v.data.(type) {
	case int64:
		return float64(n), true
	case json.Number:
		f, _ := n.Float64() // out of range is ±Inf, which every bound catches
		return f, true
	}
	return 0, false
}

// shown is a number for a message.
func (v value) shown(t Type) string {
	if v.sensitive {
		return "(sensitive)"
	}
	n, _ := v.number()
	return format(t, n)
}

func format(t Type, n float64) string {
	switch t {
	case Duration:
		return time.Duration(n).String()
	case Size:
		return FormatSize(int64(n))
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// items are the places inside a list or an object as written.
func items(expr hclsyntax.Expression) map[string]hcl.Range {
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return items(e.Expression)
	case *hclsyntax.TupleConsExpr:
		out := make(map[string]hcl.Range, len(e.Exprs))
		for i, x := range e.Exprs {
			out[strconv.Itoa(i)] = x.Range()
		}
		return out
	case *hclsyntax.ObjectConsExpr:
		out := make(map[string]hcl.Range, len(e.Items))
		for _, item := range e.Items {
			if key, ok := literalKey(item.KeyExpr); ok {
				out[key] = hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
			}
		}
		return out
	}
	return nil
}

// literalKey is the key of an object item that is a word or a plain string.
func literalKey(expr hclsyntax.Expression) (string, bool) {
	if word := hcl.ExprAsKeyword(expr); word != "" {
		return word, true
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.IsMarked() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// repeatedKeys finds keys that stand twice in an object; HCL itself lets the later one win in silence.
func (d *decoder) repeatedKeys(expr hclsyntax.Expression) {
	object, ok := expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return
	}
	first := map[string]hcl.Range{}
	for _, item := range object.Items {
		key, ok := literalKey(item.KeyExpr)
		if !ok {
			continue
		}
		if before, again := first[key]; again {
			d.diags.errorf(item.KeyExpr.Range(), fmt.Sprintf("Key %q set twice", key), "It was set at %s already.", place(before))
			continue
		}
		first[key] = item.KeyExpr.Range()
	}
}
