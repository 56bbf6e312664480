// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// maxSchemaDepth bounds nested blocks; no sane configuration comes near it.
const maxSchemaDepth = 8

// CheckSchema tells what is wrong with a schema: names that HCL cannot spell or that stand twice, types
// that are not set, defaults that are not of the type or not allowed, bounds without sense. A nil
// schema is an empty body.
func CheckSchema(b *pluginv1.Block) error {
	return checkBlock(b, "schema", maxSchemaDepth)
}

func checkBlock(b *pluginv1.Block, at string, depth int) error {
	if depth == 0 {
		return fmt.Errorf("%s: nested too deeply", at)
	}
	names := map[string]bool{}
	var all []error
	for _, a := range b.GetAttributes() {
		all = append(all, checkName(a.GetName(), at, names), checkAttribute(a, at+"."+a.GetName()))
	}
	for _, n := range b.GetBlocks() {
		all = append(all, checkName(n.GetType(), at, names), checkBlock(n.GetBody(), at+"."+n.GetType(), depth-1))
	}
	return errors.Join(all...)
}

// checkName wants an HCL identifier that is not taken. Names with a leading underscore are kept for
// labels.
func checkName(name, at string, taken map[string]bool) error {
	if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(name) {
		return fmt.Errorf("%s: name %q: not lower-case letters, digits and _ after a letter", at, name)
	}
	if taken[name] {
		return fmt.Errorf("%s: name %q: used twice", at, name)
	}
	taken[name] = true
	return nil
}

func checkAttribute(a *pluginv1.Attribute, at string) error {
	var all []error
	if _, known := pluginv1.Type_name[int32(a.GetType())]; !known || a.GetType() == pluginv1.Type_TYPE_UNSPECIFIED {
		return fmt.Errorf("%s: type %s: unknown", at, a.GetType())
	}
	if a.GetDescription() == "" {
		all = append(all, fmt.Errorf("%s: no description", at))
	}
	if len(a.GetOneOf()) > 0 && a.GetType() != pluginv1.Type_TYPE_STRING {
		all = append(all, fmt.Errorf("%s: one_of on something that is no string", at))
	}
	return errors.Join(append(all, checkBounds(a, at), checkDefault(a, at))...)
}

func checkBounds(a *pluginv1.Attribute, at string) error {
	if a.Minimum == nil && a.Maximum == nil {
		return nil
	}
	numeric := []pluginv1.Type{pluginv1.Type_TYPE_NUMBER, pluginv1.Type_TYPE_DURATION, pluginv1.Type_TYPE_SIZE}
	if !slices.Contains(numeric, a.GetType()) {
		return fmt.Errorf("%s: bounds on something that is no number, duration or size", at)
	}
	if a.Minimum != nil && a.Maximum != nil && a.GetMinimum() > a.GetMaximum() {
		return fmt.Errorf("%s: minimum above maximum", at)
	}
	return nil
}

func checkDefault(a *pluginv1.Attribute, at string) error {
	if a.GetDefaultJson() == "" {
		return nil
	}
	if a.GetRequired() {
		return fmt.Errorf("%s: required and with a default", at)
	}
	v, err := decodeJSON([]byte(a.GetDefaultJson()))
	if err != nil {
		return fmt.Errorf("%s: default: %w", at, err)
	}
	if problem := checkValue(a, v); problem != "" {
		return fmt.Errorf("%s: default %s", at, problem)
	}
	return nil
}
