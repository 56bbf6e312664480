// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/basebackup"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/initdb"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Bootstrap implements the service.
func (s *Server) Bootstrap(req *pluginv1.BootstrapRequest, out stream) error {
	return s.runLong(out, func(ctx context.Context, p *progress) error {
		c := s.current()
		if err := s.epochs.Admit(req.GetEpoch()); err != nil {
			return err
		}
		if err := nobodyHome(c); err != nil {
			return err
		}
		if absent, err := datadir.Absent(c.DataDir); err != nil || !absent {
			return refused("data directory %s is not empty", c.DataDir)
		}
		s.setTrouble("", 0)
		if err := s.rehearse(ctx, c); err != nil {
			return err
		}
		return initdb.Run(ctx, c, func(phase string) { p.phase(phase, "") })
	})
}

// Clone implements the service.
func (s *Server) Clone(req *pluginv1.CloneRequest, out stream) error {
	source, err := peer(req.GetSource())
	if err != nil {
		return err
	}
	return s.runLong(out, func(ctx context.Context, p *progress) error {
		c := s.current()
		if err := s.epochs.Admit(req.GetEpoch()); err != nil {
			return err
		}
		if err := nobodyHome(c); err != nil {
			return err
		}
		if absent, err := datadir.Absent(c.DataDir); err != nil || (!absent && !req.GetReplace()) {
			return refused("data directory %s is not empty", c.DataDir)
		}
		s.setTrouble("", 0)
		if err := s.rehearse(ctx, c); err != nil {
			return err
		}
		report := limited(func(phase string, done, total uint64) { p.set(phase, done, total, "") })
		return basebackup.Run(ctx, c, source, req.GetReplace(), report)
	})
}

// nobodyHome is nil when no process works in the data directory.
func nobodyHome(c *config.Config) error {
	left, err := proc.Occupants(c.DataDir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return refused("PostgreSQL runs in %s (process %d)", c.DataDir, left[0])
	}
	return nil
}

// limited passes a report on when the phase changes, and at most every 100 ms otherwise.
func limited(f basebackup.Report) basebackup.Report {
	var phase string
	var last time.Time
	return func(name string, done, total uint64) {
		if name == phase && time.Since(last) < 100*time.Millisecond {
			return
		}
		phase, last = name, time.Now()
		f(name, done, total)
	}
}
