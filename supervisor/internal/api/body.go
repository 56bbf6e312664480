// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/agext/levenshtein"
)

// maxBody bounds what a caller may send.
const maxBody = 64 << 10

// fields are the names that may stand in a body, and where their values go.
type fields map[string]any

// read decodes the JSON object in a body. An empty body is an empty object, and null leaves a value alone.
func (f fields) read(w http.ResponseWriter, r *http.Request) *failure {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return &failure{code: http.StatusRequestEntityTooLarge, reason: fmt.Sprintf("body is larger than %d bytes", maxBody)}
	}
	if err != nil {
		return badRequest("body: %v", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return badRequest("body is not a JSON object: %v", err)
	}
	return f.decode(given)
}

func (f fields) decode(given map[string]json.RawMessage) *failure {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		into, known := f[name]
		if !known {
			return badRequest("unknown field %q%s", clip(name), f.suggest(name))
		}
		if err := json.Unmarshal(given[name], into); err != nil {
			return badRequest("%s: %v", name, err)
		}
	}
	return nil
}

func (f fields) suggest(name string) string {
	for _, known := range slices.Sorted(maps.Keys(f)) {
		if levenshtein.Distance(clip(name), known, nil) <= 2 {
			return fmt.Sprintf(" (did you mean %q?)", known)
		}
	}
	return fmt.Sprintf(" (known: %v)", slices.Sorted(maps.Keys(f)))
}

func badRequest(format string, args ...any) *failure {
	return &failure{code: http.StatusBadRequest, reason: fmt.Sprintf(format, args...)}
}
