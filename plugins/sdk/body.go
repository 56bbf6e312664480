// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// checkBody compares a body with its schema. The supervisor did so already, with file and line; this
// keeps a plugin safe from everybody else.
func checkBody(schema *pluginv1.Block, raw []byte) []*pluginv1.Diagnostic {
	v, err := decodeJSON(raw)
	if err != nil {
		return []*pluginv1.Diagnostic{Errorf(Path(), "body is not JSON", "%v.", err)}
	}
	body, ok := v.(map[string]any)
	if !ok {
		return []*pluginv1.Diagnostic{Errorf(Path(), "body is not a JSON object", "It is %s.", jsonType(v))}
	}
	return checkObject(schema, body, 0, nil)
}

// decodeJSON reads exactly one value and keeps numbers as they are written.
func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// checkObject checks a body that has so many labels. Null stands for a member that is left out.
func checkObject(schema *pluginv1.Block, body map[string]any, labels int, at []string) []*pluginv1.Diagnostic {
	known := map[string]bool{}
	var found []*pluginv1.Diagnostic
	for i := range labels {
		name := "_label" + strconv.Itoa(i+1)
		known[name] = true
		if _, ok := body[name].(string); !ok {
			found = append(found, Errorf(below(at, name), "missing label", "Label %d of the block must be a string.", i+1))
		}
	}
	for _, a := range schema.GetAttributes() {
		known[a.GetName()] = true
		found = append(found, checkMember(a, body[a.GetName()], below(at, a.GetName()))...)
	}
	for _, n := range schema.GetBlocks() {
		known[n.GetType()] = true
		found = append(found, checkNested(n, body[n.GetType()], below(at, n.GetType()))...)
	}
	return append(found, unknown(body, known, at)...)
}

func unknown(body map[string]any, known map[string]bool, at []string) []*pluginv1.Diagnostic {
	var names []string
	for name := range body {
		if !known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var found []*pluginv1.Diagnostic
	for _, name := range names {
		found = append(found, Errorf(below(at, name), "unsupported argument", "No attribute or block %q is expected here.", name))
	}
	return found
}

func checkMember(a *pluginv1.Attribute, v any, at []string) []*pluginv1.Diagnostic {
	if v == nil {
		if a.GetRequired() {
			return []*pluginv1.Diagnostic{Errorf(at, "missing required argument", "The attribute %q must be set.", a.GetName())}
		}
		return nil
	}
	if problem := checkValue(a, v); problem != "" {
		return []*pluginv1.Diagnostic{Errorf(at, "unsuitable value", "The attribute %q %s.", a.GetName(), problem)}
	}
	return nil
}

func checkNested(n *pluginv1.NestedBlock, v any, at []string) []*pluginv1.Diagnostic {
	var bodies []any
	switch v := v.(type) {
	case nil:
	case []any:
		bodies = v
	default:
		bodies = []any{v}
	}
	if n.GetRequired() && len(bodies) == 0 {
		return []*pluginv1.Diagnostic{Errorf(at, "missing block", "A block %q must stand here.", n.GetType())}
	}
	if _, array := v.([]any); v != nil && array != n.GetRepeated() {
		return []*pluginv1.Diagnostic{Errorf(at, "unsuitable block", "The block %q is %s.", n.GetType(), jsonType(v))}
	}
	var found []*pluginv1.Diagnostic
	for i, b := range bodies {
		place := at
		if n.GetRepeated() {
			place = below(at, strconv.Itoa(i))
		}
		body, ok := b.(map[string]any)
		if !ok {
			found = append(found, Errorf(place, "unsuitable block", "A block %q is %s instead of an object.", n.GetType(), jsonType(b)))
			continue
		}
		found = append(found, checkObject(n.GetBody(), body, len(n.GetLabels()), place)...)
	}
	return found
}

// below is a copy of at with one more step.
func below(at []string, step string) []string {
	return append(slices.Clone(at), step)
}

// jsonType names the type of a decoded value for people.
func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}
