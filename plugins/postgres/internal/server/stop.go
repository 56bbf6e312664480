// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Stop implements the service. The epoch is checked but not written down: stopping must work on a full
// disk.
func (s *Server) Stop(req *pluginv1.PostgresStopRequest, out stream) error {
	if req.GetPatienceNs() < 0 {
		return invalid("patience must not be negative")
	}
	return s.runLong(out, func(ctx context.Context, p *progress) error {
		if err := s.epochs.Check(req.GetEpoch()); err != nil {
			return err
		}
		patience := time.Duration(req.GetPatienceNs())
		return launch.Stop(ctx, s.current(), patience, func(phase string) { p.phase(phase, "") })
	})
}
