// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/status"
)

// Probe runs one plugin just long enough to ask it questions, without supervising it. It does not touch the
// directories of a running supervisor, nor what its plugins do.
type Probe struct {
	spec    Spec
	log     *slog.Logger
	spawner *spawner
	session *session
	scratch string
}

// NewProbe makes a probe. Of the spec, RunDir and StateDir may be empty: temporary ones stand in.
func NewProbe(log *slog.Logger, spec Spec) *Probe { return &Probe{spec: spec, log: log} }

// Open starts the plugin; Close must be called, also after an error. ctx bounds the start.
func (p *Probe) Open(ctx context.Context) error {
	scratch, err := os.MkdirTemp("", "pgvigil-")
	if err != nil {
		return fmt.Errorf("temporary directory of probe: %w", err)
	}
	p.scratch = scratch
	p.spec.RunDir, p.spec.StateDir = scratch, scratch
	if err := p.spec.check(); err != nil {
		return err
	}
	if err := prepareDirectories(p.spec); err != nil {
		return err
	}
	p.spawner = startSpawner()
	p.session, err = startSession(ctx, p.spec, p.spawner, p.log)
	return err
}

// Info is who the plugin says it is; Open must have succeeded.
func (p *Probe) Info() Info { return p.session.info }

// Schema is the schema of the plugin's block; Open must have succeeded.
func (p *Probe) Schema() Block { return p.session.schema }

// Validate has the plugin check a body; Open must have succeeded.
func (p *Probe) Validate(ctx context.Context, body []byte) ([]Diagnostic, error) {
	return p.session.validate(ctx, body)
}

// CanExamine tells whether the plugin can be configured only to look; Open must have succeeded.
func (p *Probe) CanExamine() bool { return p.Info().Can(string(p.spec.Kind) + ".examine") }

// Examine gives the plugin a body to look with, and asks how it is; CanExamine must be true. What the message says is
// of use only without an error among the diagnostics.
func (p *Probe) Examine(ctx context.Context, body []byte) (found []Diagnostic, healthy bool, message string, err error) {
	found, err = p.session.examine(ctx, body)
	if err != nil || HasErrors(found) {
		return found, false, "", err
	}
	healthy, message, err = p.session.health(ctx)
	return found, healthy, message, err
}

// Read reads keys from a DCS; Examine must have succeeded.
func (p *Probe) Read(ctx context.Context, prefix string) error {
	_, err := pluginv1.NewDCSClient(p.session.conn).Read(ctx, &pluginv1.ReadRequest{Prefix: prefix})
	if err != nil {
		return errors.New(status.Convert(err).Message())
	}
	return nil
}

// Close stops the plugin.
func (p *Probe) Close() error {
	var errs []error
	if p.session != nil && !p.session.stop() {
		errs = append(errs, fmt.Errorf("process %d of plugin %s does not end", p.session.pid(), p.spec.Name))
	}
	if p.spawner != nil {
		p.spawner.close()
	}
	if p.scratch != "" {
		errs = append(errs, os.RemoveAll(p.scratch))
	}
	return errors.Join(errs...)
}
