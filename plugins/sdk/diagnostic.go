// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Path names a place in a body, such as Path("endpoint", "0", "url"); Path() is the body as a whole.
func Path(steps ...string) []string { return steps }

// Errorf makes a diagnostic that keeps a configuration from being used. The summary is a few words
// without a full stop, the formatted detail says what to change.
func Errorf(path []string, summary, detail string, args ...any) *pluginv1.Diagnostic {
	return diagnostic(pluginv1.Severity_SEVERITY_ERROR, path, summary, fmt.Sprintf(detail, args...))
}

// Warnf makes a diagnostic that somebody should look at.
func Warnf(path []string, summary, detail string, args ...any) *pluginv1.Diagnostic {
	return diagnostic(pluginv1.Severity_SEVERITY_WARNING, path, summary, fmt.Sprintf(detail, args...))
}

// HasErrors tells whether any of the diagnostics keeps the configuration from being used: whatever is
// not a warning does.
func HasErrors(all []*pluginv1.Diagnostic) bool {
	for _, d := range all {
		if d.GetSeverity() != pluginv1.Severity_SEVERITY_WARNING {
			return true
		}
	}
	return false
}

func diagnostic(s pluginv1.Severity, path []string, summary, detail string) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: s, Summary: summary, Detail: detail, Path: path}
}
