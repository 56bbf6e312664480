// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/rewind"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Rewind implements the service.
func (s *Server) Rewind(req *pluginv1.RewindRequest, out stream) error {
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
		if absent, err := datadir.Absent(c.DataDir); err != nil || absent {
			return refused("there is no data directory")
		}
		s.setTrouble("", 0)
		s.rewinding.Store(true)
		defer s.rewinding.Store(false)
		if _, err := s.change(c, func(in *conf.Intent) { in.Upstream = nil }); err != nil {
			return err
		}
		return rewind.Run(ctx, c, source, p.set)
	})
}
