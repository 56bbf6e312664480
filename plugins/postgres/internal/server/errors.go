// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/rewind"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// toStatus gives an error the code a caller can act on. What the world refuses is a failed precondition:
// the caller observes and decides again.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	case errors.Is(err, rewind.ErrHopeless):
		return status.Error(codes.OutOfRange, err.Error())
	case errors.Is(err, rewind.ErrNotNow), errors.Is(err, launch.ErrNoAnswer):
		return status.Error(codes.Unavailable, err.Error())
	}
	return status.Error(codes.FailedPrecondition, err.Error())
}

func refused(format string, args ...any) error {
	return status.Error(codes.FailedPrecondition, fmt.Sprintf(format, args...))
}

func invalid(format string, args ...any) error {
	return status.Error(codes.InvalidArgument, fmt.Sprintf(format, args...))
}

// peer checks a peer and makes it ours.
func peer(p *pluginv1.Peer) (conf.Peer, error) {
	if p.GetName() == "" || p.GetHost() == "" || p.GetPort() == 0 || p.GetPort() > 65535 {
		return conf.Peer{}, invalid("a peer needs a name, a host and a port, not %v", p)
	}
	return conf.Peer{Name: p.GetName(), Host: p.GetHost(), Port: uint16(p.GetPort()), StreamOnly: p.GetStreamOnly()}, nil
}
