// SPDX-License-Identifier: Apache-2.0

// Package doctor checks whether a host is fit for pgvigil, from its configuration: before the supervisor is started for
// the first time, and while it runs. It changes nothing, and arms, routes and writes nothing but a file of some
// kilobytes to time the disk with.
package doctor

import (
	"fmt"
	"strings"
	"sync"
)

// Severity of a finding.
type Severity string

// The severities, from the best.
const (
	OK Severity = "ok"
	// Note is something to know.
	Note Severity = "note"
	// Warning is something to look at.
	Warning Severity = "warning"
	// Error is something that keeps pgvigil, or a part of it, from working.
	Error Severity = "error"
)

// Finding is one thing that was looked at.
type Finding struct {
	// ID is the topic and what of it was looked at, such as "ports.api".
	ID       string   `json:"id"`
	Topic    string   `json:"topic"`
	Severity Severity `json:"severity"`
	// Found is what is the case, Change what to do about it; empty where there is nothing to do, or Found says it too.
	Found  string `json:"found"`
	Change string `json:"change,omitempty"`
}

// report gathers the findings of one check, which may be given up while it goes on.
type report struct {
	mu   sync.Mutex
	list []Finding
}

func (r *report) add(severity Severity, id, change, found string) {
	topic, _, _ := strings.Cut(id, ".")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, Finding{id, topic, severity, found, change})
}

func (r *report) ok(id, found string, args ...any) { r.add(OK, id, "", fmt.Sprintf(found, args...)) }

func (r *report) note(id, change, found string, args ...any) {
	r.add(Note, id, change, fmt.Sprintf(found, args...))
}

func (r *report) warn(id, change, found string, args ...any) {
	r.add(Warning, id, change, fmt.Sprintf(found, args...))
}

func (r *report) fail(id, change, found string, args ...any) {
	r.add(Error, id, change, fmt.Sprintf(found, args...))
}

// found takes what there is so far.
func (r *report) found() []Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Finding(nil), r.list...)
}
