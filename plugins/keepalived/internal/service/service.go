// SPDX-License-Identifier: Apache-2.0

// Package service serves pluginv1.Router: it turns what the supervisor and HAProxy say into the value of the track file.
package service

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/trackfile"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Service is the router of one plugin process. Its zero value is ready to be configured.
type Service struct {
	pluginv1.UnimplementedRouterServer

	mu     sync.Mutex
	body   conf.Body
	ttl    time.Duration
	epochs *sdk.Epochs
	file   *trackfile.File
	// fault is why the file could not be written, nil when it was.
	fault error
	told  told
	proxy proxy
	rival rival
	// examines says that the file is not to be written, only what is around it looked at.
	examines bool
	// unwatch ends the watch and waits for it; nil while there is none.
	unwatch func()
	// wake has the watch look at once.
	wake func()
}

// Validate finds what is wrong with a body.
func (s *Service) Validate(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	_, found := conf.Decode(c)
	return found
}

// Configure makes a body current. What is wrong with this host, and may be right later, is a warning.
func (s *Service) Configure(ctx context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	body, found := conf.Decode(c)
	if sdk.HasErrors(found) {
		return found
	}
	if err := s.begin(filepath.Join(c.Host.GetStateDir(), "epoch")); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "state cannot be read", "%v.", err)}
	}
	if c.Examine {
		s.onlyLook(ctx, body)
		return nil
	}
	s.pauseWatch()
	s.adopt(body, time.Duration(c.Host.GetTtlNs()))
	_ = s.look(ctx) // Health tells
	s.resumeWatch()
	if healthy, message := s.Health(ctx); !healthy {
		return []*pluginv1.Diagnostic{sdk.Warnf(sdk.Path(), "Keepalived cannot be told yet", "%s.", message)}
	}
	return nil
}

// begin opens what lasts for the life of the process.
func (s *Service) begin(epochs string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epochs == nil {
		s.epochs, err = sdk.OpenEpochs(epochs)
	}
	return err
}

// adopt takes a body over. A file that an earlier process left stands until the supervisor speaks, or did not for
// too long.
func (s *Service) adopt(body conf.Body, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil && s.file.Path() != body.TrackFile {
		_ = s.file.Remove()
		s.file = nil
	}
	s.body, s.ttl = body, ttl
	if s.file != nil {
		return
	}
	s.file = trackfile.Open(body.TrackFile)
	if s.told.at.IsZero() && s.file.Value() == best(body.Follow) {
		s.told = told{role: pluginv1.OwnRole_OWN_ROLE_PRIMARY, at: time.Now()}
	}
}

// Apply takes over what the supervisor says of this host and of the primary, and writes the file. That Keepalived or
// HAProxy is dead is no error of it: the file says what is right, and Health tells.
func (s *Service) Apply(ctx context.Context, req *pluginv1.RouterApplyRequest) (*pluginv1.RouterApplyResponse, error) {
	switch req.GetOwnRole() {
	case pluginv1.OwnRole_OWN_ROLE_PRIMARY, pluginv1.OwnRole_OWN_ROLE_STANDBY, pluginv1.OwnRole_OWN_ROLE_NONE:
	default:
		return nil, status.Errorf(codes.InvalidArgument, "own_role %d is unknown", req.GetOwnRole())
	}
	if err := s.epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	s.hear(ctx, req)
	if err := s.look(ctx); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, status.Errorf(codes.Unavailable, "track file: %v", err)
	}
	return &pluginv1.RouterApplyResponse{}, nil
}

// Stop leaves the file as it is on the host of a primary that goes on: the supervisor is being restarted, and the
// address stays. Otherwise nobody is left to answer for it, and it is given up.
func (s *Service) Stop(ctx context.Context) error {
	s.pauseWatch()
	s.mu.Lock()
	file, heard := s.file, s.told
	s.mu.Unlock()
	if file == nil || heard.answers(context.WithoutCancel(ctx)) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := file.Put(none); err != nil {
		return fmt.Errorf("track file: %w", err)
	}
	return nil
}
