// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Checkpoint implements the service. Cancelling it leaves the checkpoint to PostgreSQL.
func (s *Server) Checkpoint(req *pluginv1.CheckpointRequest, out stream) error {
	return s.runLong(out, func(ctx context.Context, p *progress) error {
		if err := s.epochs.Admit(req.GetEpoch()); err != nil {
			return err
		}
		p.phase("checkpointing", "")
		return checkpoint(ctx, s.current())
	})
}
