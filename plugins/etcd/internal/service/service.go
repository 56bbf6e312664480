// SPDX-License-Identifier: Apache-2.0

// Package service serves pluginv1.DCS from a store, and swaps the store when the configuration changes.
package service

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/etcd/internal/store"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Service is the DCS of one plugin process. Its zero value is ready to be configured.
type Service struct {
	pluginv1.UnimplementedDCSServer

	mu    sync.Mutex
	body  conf.Body
	store *store.Store
}

// Validate finds what is wrong with a body.
func (s *Service) Validate(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	body, err := conf.Decode(c)
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	return conf.Validate(body)
}

// Configure makes a body current. Requests that are under way end on the connections they began on; watches
// go on over the new ones.
func (s *Service) Configure(ctx context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	body, err := conf.Decode(c)
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	if s.isCurrent(body) {
		return nil
	}
	cfg, err := body.Store()
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "files cannot be read", "%v.", err)}
	}
	fresh, err := store.Open(ctx, cfg)
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("endpoints"), "etcd client cannot be made", "%v.", err)}
	}
	s.swap(body, fresh)
	return nil
}

// isCurrent tells whether a body is the one in force. Bodies that name files with a password or authorities
// never are: the files may have changed.
func (s *Service) isCurrent(body conf.Body) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store != nil && body.PasswordFile == "" && body.TLS == nil && reflect.DeepEqual(s.body, body)
}

func (s *Service) swap(body conf.Body, fresh *store.Store) {
	s.mu.Lock()
	old := s.store
	s.body, s.store = body, fresh
	s.mu.Unlock()
	if old != nil {
		go old.Close() // it waits for requests, and its error is always nil
	}
}

// Health tells whether etcd answers.
func (s *Service) Health(ctx context.Context) (bool, string) {
	st := s.current()
	if st == nil {
		return false, "not configured"
	}
	return st.Health(ctx)
}

// Stop closes the connections.
func (s *Service) Stop(context.Context) error {
	if st := s.current(); st != nil {
		return st.Close()
	}
	return nil
}

func (s *Service) current() *store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store
}

// Read implements pluginv1.DCSServer.
func (s *Service) Read(ctx context.Context, req *pluginv1.ReadRequest) (*pluginv1.ReadResponse, error) {
	if req.GetPrefix() == "" {
		return nil, errNoPrefix
	}
	st := s.current()
	if st == nil {
		return nil, errNotConfigured
	}
	p, err := st.Read(ctx, req.GetPrefix())
	if err != nil {
		return nil, toStatus(err)
	}
	return &pluginv1.ReadResponse{Revision: p.Revision, Keys: keyValues(p.Keys)}, nil
}

// Commit implements pluginv1.DCSServer.
func (s *Service) Commit(ctx context.Context, req *pluginv1.CommitRequest) (*pluginv1.CommitResponse, error) {
	if err := checkCommit(req); err != nil {
		return nil, err
	}
	st := s.current()
	if st == nil {
		return nil, errNotConfigured
	}
	r, err := st.Commit(ctx, compares(req.GetCompares()), writes(req.GetWrites()))
	switch {
	case errors.Is(err, store.ErrUnknown):
		return &pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_UNKNOWN, Message: err.Error()}, nil
	case err != nil:
		return nil, toCommitStatus(err)
	case r.Applied:
		return &pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_APPLIED, Revision: r.Revision}, nil
	}
	return &pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_CONFLICT, Current: keyValues(r.Current)}, nil
}

// Watch implements pluginv1.DCSServer.
func (s *Service) Watch(req *pluginv1.WatchRequest, stream pluginv1.DCS_WatchServer) error {
	switch {
	case req.GetPrefix() == "":
		return errNoPrefix
	case req.GetFromRevision() < 0:
		return errNegativeRevision
	}
	w := store.NewWatch(req.GetPrefix(), req.GetFromRevision())
	deliver := func(step store.Step) error { return stream.Send(watchResponse(step)) }
	for {
		st := s.current()
		if st == nil {
			return errNotConfigured
		}
		err := st.Follow(stream.Context(), w, deliver)
		if errors.Is(err, store.ErrClosed) && s.current() != st {
			continue // the configuration changed
		}
		return toStatus(err)
	}
}
