// SPDX-License-Identifier: Apache-2.0

// Package api serves the supervisor over HTTP: the health checks of load balancers and the documents of Patroni's
// clients under Patroni's paths, metrics, pgvigil's own documents under /v1, and the requests of operators.
//
// Everything is answered from an immutable snapshot: no handler calls PostgreSQL, the DCS or a plugin, so none of
// them can hang a health check. Only requests of operators leave the process, with a deadline.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Source gives the latest snapshot, nil before the first. It is called for each request and must not block.
type Source interface {
	Snapshot() *status.Snapshot
}

// Config is what a Server is made of.
type Config struct {
	// Ready, unless nil, is closed when there is something to tell. Requests wait for it, but not for longer than openingPatience:
	// a "no" of a supervisor that has just been started would have a load balancer cut the sessions of a primary.
	Ready <-chan struct{}
	// Source and Operator are the loop's two doors.
	Source   Source
	Operator status.Operator
	// MaximumLag is the lag in bytes up to which /readiness takes a standby for ready.
	MaximumLag uint64
	// Auth guards the methods that change something; its zero value lets in local callers only.
	Auth Auth
	// TLS serves HTTPS; nil serves HTTP.
	TLS *TLS
	// Log gets what nobody else is told: failed handshakes, certificates that cannot be read again.
	Log *slog.Logger
	// Now reads CLOCK_BOOTTIME; nil reads the real one.
	Now func() core.Instant
}

// openingPatience is less than the two seconds that load balancers are told to wait for a check.
const openingPatience = 1500 * time.Millisecond

// Bounds of one connection. Writing takes as long as a switchover is waited for.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = operationWait + 10*time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// Server is the HTTP server of one supervisor. It is an http.Handler, too.
type Server struct {
	config   Config
	routes   map[string]*route
	view     atomic.Pointer[view]
	lane     chan struct{}
	server   *http.Server
	listener net.Listener
	done     chan error
}

// New returns a server that does not listen yet.
func New(c Config) *Server {
	if c.Now == nil {
		c.Now = boottime
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, lane: make(chan struct{}, 1), done: make(chan error, 1)}
	s.routes = s.table()
	return s
}

// Serve serves at a socket that listens, until Close. The error tells why the certificates cannot be used.
func (s *Server) Serve(listener net.Listener) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	s.server = &http.Server{
		Handler:                      s,
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		Protocols:                    protocols,
		ErrorLog:                     slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	if err := s.secure(); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	go s.serve()
	return nil
}

func (s *Server) secure() error {
	if s.config.TLS == nil {
		return nil
	}
	keeper := newKeeper(*s.config.TLS, s.config.Log)
	config, err := keeper.open()
	if err != nil {
		return err
	}
	s.server.TLSConfig = config
	return nil
}

func (s *Server) serve() {
	if s.config.Ready != nil {
		select {
		case <-s.config.Ready:
		case <-time.After(openingPatience):
		}
	}
	var err error
	if s.server.TLSConfig != nil {
		err = s.server.ServeTLS(s.listener, "", "")
	} else {
		err = s.server.Serve(s.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	s.done <- err
}

// Addr is the address of the socket.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Done yields once, when serving has ended: nil after Close, else why.
func (s *Server) Done() <-chan error { return s.done }

// Close stops listening and waits for requests under way until ctx ends; then it cuts them off.
func (s *Server) Close(ctx context.Context) error {
	if err := s.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("api shutdown: %w", err), s.server.Close())
	}
	return nil
}
