// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// Severity of a diagnostic.
type Severity int

// The severities. The zero Severity is never valid.
const (
	// Error means that the configuration cannot be used.
	Error Severity = iota + 1
	// Warning means that it can be used, but somebody should look at it.
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// Pos is a place in a file. Line and Column count from 1, Byte from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Range is a piece of a file, End exclusive. The zero Range is "no place in particular".
type Range struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// String returns "file:line:column", or "" for the zero Range.
func (r Range) String() string {
	switch {
	case r.File == "":
		return ""
	case r.Start.Line == 0:
		return r.File
	}
	return fmt.Sprintf("%s:%d:%d", r.File, r.Start.Line, r.Start.Column)
}

func rangeOf(r hcl.Range) Range {
	return Range{
		File:  r.Filename,
		Start: Pos{r.Start.Line, r.Start.Column, r.Start.Byte},
		End:   Pos{r.End.Line, r.End.Column, r.End.Byte},
	}
}

// Diagnostic is one finding.
type Diagnostic struct {
	Severity Severity
	// Summary is a few words without a full stop.
	Summary string
	// Detail is sentences that tell why, and what to change.
	Detail string
	// Range is what it is about.
	Range Range
}

// Diagnostics is what was found in one pass, in the order of the files. A nil *Diagnostics has none.
type Diagnostics struct {
	List []Diagnostic

	sources sources
}

// HasErrors tells whether the configuration cannot be used.
func (d *Diagnostics) HasErrors() bool { return d.count(Error) > 0 }

func (d *Diagnostics) count(s Severity) int {
	if d == nil {
		return 0
	}
	n := 0
	for _, x := range d.List {
		if x.Severity == s {
			n++
		}
	}
	return n
}

// Append adds findings.
func (d *Diagnostics) Append(more ...Diagnostic) { d.List = append(d.List, more...) }

// Merge adds the findings of other, which may be nil, and its sources.
func (d *Diagnostics) Merge(other *Diagnostics) {
	if other == nil {
		return
	}
	d.List = append(d.List, other.List...)
	if d.sources == nil {
		d.sources = other.sources
	}
}

// Err returns nil without errors, else an error of one line: the first finding and how many follow.
func (d *Diagnostics) Err() error {
	n := d.count(Error)
	if n == 0 {
		return nil
	}
	first := d.List[slices.IndexFunc(d.List, func(x Diagnostic) bool { return x.Severity == Error })]
	if n == 1 {
		return fmt.Errorf("configuration: %s", first.line())
	}
	return fmt.Errorf("configuration: %s (and %d more)", first.line(), n-1)
}

func (d *Diagnostics) errorf(r hcl.Range, summary, format string, args ...any) {
	d.Append(Diagnostic{Error, summary, sprintf(format, args), rangeOf(r)})
}

func (d *Diagnostics) warnf(r hcl.Range, summary, format string, args ...any) {
	d.Append(Diagnostic{Warning, summary, sprintf(format, args), rangeOf(r)})
}

func sprintf(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// appendHCL takes over what the HCL library found. Its snippets of values are left behind: they could
// hold secrets.
func (d *Diagnostics) appendHCL(diags hcl.Diagnostics) {
	for _, x := range diags {
		out := Diagnostic{Severity: Error, Summary: x.Summary, Detail: x.Detail}
		if x.Severity == hcl.DiagWarning {
			out.Severity = Warning
		}
		if x.Subject != nil {
			out.Range = rangeOf(*x.Subject)
		}
		d.Append(out)
	}
}

// finish sorts by file and position and drops repetitions.
func (d *Diagnostics) finish() *Diagnostics {
	slices.SortStableFunc(d.List, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(d.sources.order(a.Range.File), d.sources.order(b.Range.File)),
			cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte),
		)
	})
	seen := make(map[Diagnostic]bool, len(d.List))
	d.List = slices.DeleteFunc(d.List, func(x Diagnostic) bool {
		again := seen[x]
		seen[x] = true
		return again
	})
	return d
}
