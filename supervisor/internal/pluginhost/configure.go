// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Severity of a diagnostic.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is one finding of a plugin about its body.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	// Path are the steps into the body; empty for the body as a whole.
	Path []string
}

// HasErrors tells whether any diagnostic is an error.
func HasErrors(found []Diagnostic) bool {
	return slices.ContainsFunc(found, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// validate has the plugin check a body.
func (s *session) validate(ctx context.Context, body []byte) ([]Diagnostic, error) {
	answer, err := s.base.Validate(ctx, &pluginv1.ValidateRequest{ConfigJson: body, Host: s.hostContext()})
	if err != nil {
		return nil, fmt.Errorf("validation by plugin %s: %w", s.spec.Name, err)
	}
	return diagnosticsFromWire(answer.GetDiagnostics())
}

// configure makes a body current in this process.
func (s *session) configure(ctx context.Context, body []byte) ([]Diagnostic, error) {
	return s.configureBy(ctx, &pluginv1.ConfigureRequest{ConfigJson: body, Host: s.hostContext()})
}

// examine makes a body current only to look.
func (s *session) examine(ctx context.Context, body []byte) ([]Diagnostic, error) {
	return s.configureBy(ctx, &pluginv1.ConfigureRequest{ConfigJson: body, Host: s.hostContext(), Examine: true})
}

func (s *session) configureBy(ctx context.Context, request *pluginv1.ConfigureRequest) ([]Diagnostic, error) {
	answer, err := s.base.Configure(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("configuration of plugin %s: %w", s.spec.Name, err)
	}
	found, err := diagnosticsFromWire(answer.GetDiagnostics())
	if err == nil && !HasErrors(found) {
		s.configured.Store(true)
	}
	return found, err
}

// reconfigure gives a restarted plugin the body its predecessor had.
func (s *session) reconfigure(ctx context.Context, body []byte) error {
	found, err := s.configure(ctx, body)
	if err != nil {
		return err
	}
	var summaries []string
	for _, d := range found {
		if d.Severity == SeverityError {
			summaries = append(summaries, d.Summary)
		}
	}
	if len(summaries) > 0 {
		return fmt.Errorf("plugin %s no longer accepts its configuration: %s", s.spec.Name, strings.Join(summaries, "; "))
	}
	return nil
}

func (s *session) hostContext() *pluginv1.HostContext {
	return &pluginv1.HostContext{
		Member: s.spec.Context.Member, Cluster: s.spec.Context.Cluster,
		RunDir: s.spec.ownRunDir(), StateDir: s.spec.ownStateDir(),
		Launcher: s.spec.Context.Launcher, TtlNs: int64(s.spec.Context.ttl()),
	}
}

func diagnosticsFromWire(list []*pluginv1.Diagnostic) ([]Diagnostic, error) {
	var found []Diagnostic
	for _, d := range list {
		severity, err := severityFromWire(d.GetSeverity())
		if err != nil {
			return nil, fmt.Errorf("diagnostic %q: %w", d.GetSummary(), err)
		}
		found = append(found, Diagnostic{severity, d.GetSummary(), d.GetDetail(), d.GetPath()})
	}
	return found, nil
}

func severityFromWire(s pluginv1.Severity) (Severity, error) {
	switch s {
	case pluginv1.Severity_SEVERITY_ERROR:
		return SeverityError, nil
	case pluginv1.Severity_SEVERITY_WARNING:
		return SeverityWarning, nil
	}
	return "", unknownEnum(s)
}
