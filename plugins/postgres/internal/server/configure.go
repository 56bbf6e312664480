// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Validate checks a body and changes nothing.
func (s *Server) Validate(_ context.Context, in sdk.Config) []*pluginv1.Diagnostic {
	_, found := config.Resolve(in)
	return found
}

// Configure makes a body current; the first one starts the observation. The files of a running instance
// follow with the next Apply.
func (s *Server) Configure(_ context.Context, in sdk.Config) []*pluginv1.Diagnostic {
	c, found := config.Resolve(in)
	if sdk.HasErrors(found) {
		return found
	}
	before := s.current()
	if before != nil && (before.DataDir != c.DataDir || before.StateDir != c.StateDir) {
		return append(found, sdk.Errorf(sdk.Path("data_dir"), "data directory moved", "data_dir and the state directory cannot change while the plugin runs: stop pgvigild first."))
	}
	if err := launch.CheckUnit(c); err != nil {
		return append(found, sdk.Errorf(sdk.Path("manage"), "no unit for this run_dir", "%v.", err))
	}
	if err := letIn(c); err != nil {
		return append(found, sdk.Errorf(nil, "directories cannot be used", "%v.", err))
	}
	if err := conf.WritePasswords(c); err != nil {
		return append(found, sdk.Errorf(sdk.Path("pgpass"), "password file cannot be written", "%v.", err))
	}
	if before == nil {
		if d := s.open(c); d != nil {
			return append(found, d)
		}
	}
	s.mu.Lock()
	s.config = c
	s.mu.Unlock()
	if before == nil {
		s.begin()
	}
	s.observer.Recheck()
	return found
}

// open reads what earlier lives of the plugin left.
func (s *Server) open(c *config.Config) *pluginv1.Diagnostic {
	epochs, err := sdk.OpenEpochs(c.State("epoch"))
	if err != nil {
		return sdk.Errorf(nil, "state cannot be read", "%v.", err)
	}
	in, err := conf.LoadIntent(c)
	if err != nil {
		return sdk.Errorf(nil, "state cannot be read", "%v.", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs, s.intent = epochs, in
	return nil
}

// begin starts the goroutines that live until Stop.
func (s *Server) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wait.Go(func() { s.observer.Run(ctx) })
	s.wait.Go(func() { s.chores(ctx) })
}

// Health tells whether the observation goes on.
func (s *Server) Health(context.Context) (bool, string) {
	last, _ := s.observer.Last()
	switch {
	case s.current() == nil:
		return false, "not configured"
	case last == nil:
		return true, "not observed yet"
	case time.Since(last.At) > 15*time.Second:
		return false, "observation stands still since " + last.At.UTC().Format(time.RFC3339)
	}
	return true, last.State.GetStatus().String() + " " + last.State.GetRole().String()
}

// Close ends what the plugin runs for itself; PostgreSQL goes on.
func (s *Server) Close(context.Context) error {
	if s.cancel != nil {
		s.cancel()
		s.wait.Wait()
	}
	return nil
}
