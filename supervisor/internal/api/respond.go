// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Header values, shared because health checks are frequent.
var (
	typeJSON = []string{"application/json"}
	noStore  = []string{"no-store"}
)

func writeBody(w http.ResponseWriter, code int, body []byte) {
	h := w.Header()
	h["Content-Type"] = typeJSON
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(code)
	// An error here means that the client has gone, and there is nobody to tell.
	_, _ = w.Write(body)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "answer cannot be encoded")
		return
	}
	writeBody(w, code, append(body, '\n'))
}

// fail answers with a reason.
func fail(w http.ResponseWriter, code int, reason string) {
	writeJSON(w, code, Error{Error: reason})
}

// Error is the body of every answer with a status of 400 or more.
type Error struct {
	// Error is one sentence.
	Error string `json:"error"`
	// Operation is the operation it is about, if there is one.
	Operation *Operation `json:"operation,omitempty"`
}

// failure is an error with a status code.
type failure struct {
	code      int
	reason    string
	operation *Operation
}

func (f *failure) Error() string { return f.reason }

func (f *failure) write(w http.ResponseWriter) {
	writeJSON(w, f.code, Error{f.reason, f.operation})
}
