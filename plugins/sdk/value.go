// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// checkValue tells, as the end of a sentence, why v is no value of a; empty when it is one. It never
// repeats a value, which may be a secret.
func checkValue(a *pluginv1.Attribute, v any) string {
	switch a.GetType() {
	case pluginv1.Type_TYPE_STRING:
		return checkString(a, v)
	case pluginv1.Type_TYPE_BOOL:
		if _, ok := v.(bool); !ok {
			return "must be true or false, not " + jsonType(v)
		}
		return ""
	case pluginv1.Type_TYPE_NUMBER:
		return checkNumber(a, v, false)
	case pluginv1.Type_TYPE_DURATION, pluginv1.Type_TYPE_SIZE:
		return checkNumber(a, v, true)
	case pluginv1.Type_TYPE_STRING_LIST:
		return checkList(v)
	case pluginv1.Type_TYPE_STRING_MAP:
		return checkMap(v)
	}
	return fmt.Sprintf("is of the unknown type %d", a.GetType())
}

func checkString(a *pluginv1.Attribute, v any) string {
	s, ok := v.(string)
	if !ok {
		return "must be a string, not " + jsonType(v)
	}
	if allowed := a.GetOneOf(); len(allowed) > 0 && !slices.Contains(allowed, s) {
		return "must be one of " + strings.Join(allowed, ", ")
	}
	return ""
}

func checkNumber(a *pluginv1.Attribute, v any, whole bool) string {
	n, ok := v.(json.Number)
	if !ok {
		return "must be a number, not " + jsonType(v)
	}
	if _, err := n.Int64(); whole && err != nil {
		return "must be a whole number of 64 bits"
	}
	f, err := n.Float64()
	switch {
	case err != nil:
		return "must be a number in the range of float64"
	case a.Minimum != nil && f < a.GetMinimum():
		return fmt.Sprintf("must be at least %v", a.GetMinimum())
	case a.Maximum != nil && f > a.GetMaximum():
		return fmt.Sprintf("must be at most %v", a.GetMaximum())
	}
	return ""
}

func checkList(v any) string {
	list, ok := v.([]any)
	if !ok {
		return "must be a list of strings, not " + jsonType(v)
	}
	for _, e := range list {
		if _, ok := e.(string); !ok {
			return "must be a list of strings, but holds " + jsonType(e)
		}
	}
	return ""
}

func checkMap(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return "must be a map of strings, not " + jsonType(v)
	}
	for _, e := range m {
		if _, ok := e.(string); !ok {
			return "must be a map of strings, but holds " + jsonType(e)
		}
	}
	return ""
}
