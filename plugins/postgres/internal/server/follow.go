// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Follow implements the service.
func (s *Server) Follow(ctx context.Context, req *pluginv1.FollowRequest) (*pluginv1.FollowResponse, error) {
	upstream, err := peer(req.GetUpstream())
	if err != nil {
		return nil, err
	}
	if err := s.epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	if err := s.point(ctx, s.current(), &upstream); err != nil {
		return nil, toStatus(err)
	}
	return &pluginv1.FollowResponse{DoneAtBoottimeNs: s.observer.Settle()}, nil
}

// point makes a running standby stream from upstream, or from nobody.
func (s *Server) point(ctx context.Context, c *config.Config, upstream *conf.Peer) error {
	i, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer i.Close()
	if err := i.standby(ctx); err != nil {
		return err
	}
	if err := s.adopt(ctx, i); err != nil {
		return err
	}
	if err := conf.SetStandby(c, c.DataDir); err != nil {
		return err
	}
	if _, err := s.change(c, func(in *conf.Intent) { in.Upstream = upstream }); err != nil {
		return err
	}
	return i.reload(ctx, source{s}.Intent())
}
