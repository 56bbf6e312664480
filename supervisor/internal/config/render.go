// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the findings for people: severity, place, the source line with what is meant
// underlined, and the detail. Secrets in the source line are blotted out. Colour is ANSI escapes.
func (d *Diagnostics) WriteText(w io.Writer, colour bool) error {
	if d == nil {
		return nil
	}
	for i, x := range d.List {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if _, err := io.WriteString(w, d.text(x, paint(colour))); err != nil {
			return fmt.Errorf("write diagnostics: %w", err)
		}
	}
	return nil
}

// WriteLines writes one line per finding, "file:line:column: severity: summary: detail", as editors
// and log collectors read them.
func (d *Diagnostics) WriteLines(w io.Writer) error {
	if d == nil {
		return nil
	}
	for _, x := range d.List {
		if _, err := fmt.Fprintln(w, x.line()); err != nil {
			return fmt.Errorf("write diagnostics: %w", err)
		}
	}
	return nil
}

// WriteJSON writes one JSON object: valid, error_count, warning_count and diagnostics, each with
// severity, summary, detail and, where known, range.
func (d *Diagnostics) WriteJSON(w io.Writer) error {
	out := jsonReport{
		Valid:        !d.HasErrors(),
		ErrorCount:   d.count(Error),
		WarningCount: d.count(Warning),
		Diagnostics:  []jsonDiagnostic{},
	}
	if d != nil {
		for _, x := range d.List {
			out.Diagnostics = append(out.Diagnostics, jsonDiagnosticOf(x))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write diagnostics: %w", err)
	}
	return nil
}

type jsonReport struct {
	Valid        bool             `json:"valid"`
	ErrorCount   int              `json:"error_count"`
	WarningCount int              `json:"warning_count"`
	Diagnostics  []jsonDiagnostic `json:"diagnostics"`
}

type jsonDiagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Range    *Range `json:"range,omitempty"`
}

func jsonDiagnosticOf(x Diagnostic) jsonDiagnostic {
	out := jsonDiagnostic{Severity: x.Severity.String(), Summary: x.Summary, Detail: x.Detail}
	if x.Range.File != "" {
		out.Range = &x.Range
	}
	return out
}

func (x Diagnostic) line() string {
	parts := []string{x.Severity.String(), x.Summary}
	if at := x.Range.String(); at != "" {
		parts = append([]string{at}, parts...)
	}
	if x.Detail != "" {
		parts = append(parts, strings.Join(strings.Fields(x.Detail), " "))
	}
	return strings.Join(parts, ": ")
}

// paint tells whether to colour.
type paint bool

func (p paint) severity(s Severity) string {
	name := strings.ToUpper(s.String()[:1]) + s.String()[1:]
	switch {
	case !bool(p):
		return name
	case s == Error:
		return "\x1b[1;31m" + name + "\x1b[0m"
	}
	return "\x1b[1;33m" + name + "\x1b[0m"
}

func (d *Diagnostics) text(x Diagnostic, p paint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.severity(x.Severity), x.Summary)
	if at := x.Range.String(); at != "" {
		fmt.Fprintf(&b, "  at %s\n", at)
	}
	if snippet := d.snippet(x.Range); snippet != "" {
		b.WriteString("\n" + snippet)
	}
	if x.Detail != "" {
		b.WriteString("\n")
		for line := range strings.Lines(wrap(x.Detail, 96)) {
			b.WriteString("  " + line)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// maxSnippet bounds a printed source line, in bytes.
const maxSnippet = 160

// snippet is the first line of r with its number, and a line of carets below.
func (d *Diagnostics) snippet(r Range) string {
	text, ok := d.sources.maskedLine(r)
	if !ok || len(text) > maxSnippet {
		return ""
	}
	start := min(max(r.Start.Column-1, 0), len([]rune(text)))
	width := r.End.Column - r.Start.Column
	if r.End.Line != r.Start.Line {
		width = len([]rune(text)) - start
	}
	indent := bytes.Map(blank, []byte(string([]rune(text)[:start])))
	return fmt.Sprintf("  %4d | %s\n       | %s%s\n", r.Start.Line, text, indent, strings.Repeat("^", min(max(width, 1), maxSnippet)))
}

// blank keeps tabs, so that the carets stand below what they mean.
func blank(r rune) rune {
	if r == '\t' {
		return r
	}
	return ' '
}

// wrap breaks text at blanks so that lines stay within width where they can.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		if column > 0 && column+1+len(word) > width {
			b.WriteString("\n")
			column = 0
		} else if column > 0 {
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
