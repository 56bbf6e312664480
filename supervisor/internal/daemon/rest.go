// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
)

// openAPI serves the REST interface, before the plugins are there: that it cannot be served is to be known first.
func (d *Daemon) openAPI(ctx context.Context, l *loop.Loop, n *notifier) (*api.Server, error) {
	server, err := d.newAPI(l, n)
	if err != nil {
		return nil, err
	}
	socket, err := d.listenAPI(ctx)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen of block api: %s is in use by another process: %w", d.Config.API.Listen, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen of block api: %w", err)
	}
	return server, server.Serve(socket)
}

// closeAPI gives requests under way a second to end.
func closeAPI(s *api.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.Close(ctx) // what did not end was cut off
}

func (d *Daemon) newAPI(l *loop.Loop, n *notifier) (*api.Server, error) {
	c := d.Config.API
	out := api.Config{
		Ready: n.informed, Source: l, Operator: l, MaximumLag: d.Config.MaximumLagOnFailover, Log: d.Log, Now: bootNow,
	}
	if c.Auth != nil {
		out.Auth.Username = c.Auth.Username
		out.Auth.Password = func() (string, error) {
			p, err := c.Auth.ReadPassword()
			return string(p), err
		}
	}
	if c.TLS != nil {
		out.TLS = &api.TLS{CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, ClientCAFile: c.TLS.CAFile, Verify: api.Verify(c.TLS.VerifyClient)}
		out.Auth.Verify = out.TLS.Verify
	}
	return api.New(out), nil
}
