// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// quorum is a parsed synchronous_standby_names of the form pgvigil writes.
type quorum struct {
	k     int
	names []string
}

var (
	anyForm  = regexp.MustCompile(`^\s*ANY\s+(\d+)\s*\((.*)\)\s*$`)
	nameForm = regexp.MustCompile(`^\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*))\s*(?:,|$)`)
)

// parseQuorum reads ANY k (names); ok is false for anything else. Names are in lower case, since PostgreSQL compares
// them without regard to it.
func parseQuorum(s string) (q quorum, ok bool) {
	m := anyForm.FindStringSubmatch(s)
	if m == nil {
		return q, false
	}
	k, err := strconv.Atoi(m[1])
	if err != nil {
		return q, false
	}
	q.k = k
	for rest := m[2]; rest != ""; {
		n := nameForm.FindStringSubmatch(rest)
		if n == nil {
			return q, false
		}
		q.names = append(q.names, strings.ToLower(strings.ReplaceAll(n[1], `""`, `"`)+n[2]))
		rest = rest[len(n[0]):]
	}
	return q, len(q.names) > 0
}

// Laxer tells whether whatever acknowledged a commit under one synchronous_standby_names does so under another. False
// when that cannot be told.
func Laxer(before, after string) bool {
	if after == "" || before == after {
		return true
	}
	a, ok := parseQuorum(before)
	b, ok2 := parseQuorum(after)
	if !ok || !ok2 || b.k > a.k {
		return false
	}
	return !slices.ContainsFunc(a.names, func(n string) bool { return !slices.Contains(b.names, n) })
}
