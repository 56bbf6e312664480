// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/observe"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/rewind"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Server implements the Postgres service. It does nothing until Configure.
type Server struct {
	pluginv1.UnimplementedPostgresServer
	log      *slog.Logger
	observer *observe.Observer
	// long holds a token while a long call runs.
	long chan struct{}
	// rewinding tells that the long call is a rewind.
	rewinding atomic.Bool
	// rehearsed tells that systemd has started PostgreSQL's unit; held by the long call.
	rehearsed bool
	// files is held while intent and configuration files change.
	files sync.Mutex

	mu       sync.Mutex
	config   *config.Config
	intent   conf.Intent
	epochs   *sdk.Epochs
	settled  settlements
	trouble  string
	logStart int64
	adopted  int // PID of the server that was met last without the launcher

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// New allocates a Server.
func New(log *slog.Logger) *Server {
	s := &Server{log: log, long: make(chan struct{}, 1)}
	s.observer = observe.New(source{s})
	return s
}

// Capabilities are what the plugin offers.
func Capabilities() []string {
	var out []string
	for _, verb := range []string{"observe", "bootstrap", "clone", "start", "stop", "promote", "follow", "detach", "rewind", "checkpoint", "apply"} {
		out = append(out, "postgres."+verb)
	}
	return out
}

// source is what the observer sees of the server.
type source struct{ s *Server }

// Config implements observe.Source.
func (o source) Config() *config.Config {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.s.config
}

// Intent implements observe.Source.
func (o source) Intent() conf.Intent {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.s.intent
}

// Trouble implements observe.Source.
func (o source) Trouble() (string, int64) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.s.trouble, o.s.logStart
}

// Broken implements observe.Source.
func (o source) Broken() (why string, halfRewound bool) {
	broken, err := datadir.Rewinding.On(o.Config())
	switch {
	case err != nil:
		return err.Error(), false
	case !broken:
		return "", false
	case o.s.rewinding.Load():
		return "a rewind is under way", false
	}
	return rewind.Interrupted, true
}

// setTrouble notes why a start failed, and where the log stood before it.
func (s *Server) setTrouble(message string, logStart int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble, s.logStart = message, logStart
}

// current is the configuration in force.
func (s *Server) current() *config.Config { return source{s}.Config() }

// change changes the intent, stores it, and brings the files of the data directory in line. It tells
// whether a file changed. The data directory must exist.
func (s *Server) change(c *config.Config, f func(*conf.Intent)) (changed bool, err error) {
	s.files.Lock()
	defer s.files.Unlock()
	in := source{s}.Intent()
	f(&in)
	if err := in.Save(c); err != nil {
		return false, err
	}
	s.mu.Lock()
	s.intent = in
	s.mu.Unlock()
	return conf.Write(c, c.DataDir, in)
}
