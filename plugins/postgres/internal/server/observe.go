// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/observe"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Observe implements the service.
func (s *Server) Observe(req *pluginv1.ObserveRequest, out grpc.ServerStreamingServer[pluginv1.ObserveResponse]) error {
	interval := time.Duration(req.GetIntervalNs())
	if interval <= 0 {
		return invalid("interval must be greater than 0")
	}
	defer s.observer.Subscribe(interval)()
	if err := s.fresh(out.Context()); err != nil {
		return err
	}
	var sent *observe.Snapshot
	for {
		last, changed := s.observer.Last()
		if due(sent, last, interval) {
			if err := out.Send(last.State); err != nil {
				return err
			}
			sent = last
		}
		select {
		case <-changed:
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
}

// fresh gives the observer a moment to look, for nobody may have asked for some time; a server that does
// not answer at once is reported as it was.
func (s *Server) fresh(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	if _, err := s.observer.Refresh(short); err != nil {
		return ctx.Err()
	}
	return nil
}

// firstLook is how long the first message of a stream may be held back for a fresh picture.
const firstLook = 100 * time.Millisecond

// due tells whether a picture has to be sent: something changed, or it is time. The observer looks once
// an interval, a little early or late.
func due(sent, last *observe.Snapshot, interval time.Duration) bool {
	switch {
	case last == nil || last == sent:
		return false
	case sent == nil || last.Generation != sent.Generation:
		return true
	}
	return last.At.Sub(sent.At) >= interval*7/10
}
