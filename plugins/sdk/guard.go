// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// guard is a registrar that puts itself around every handler it registers: it keeps panics in, turns
// plain errors into the statuses Base documents, and, with a lifecycle, holds calls to their order.
type guard struct {
	to  grpc.ServiceRegistrar
	log *slog.Logger
	// life is nil for a service that may be called at any time.
	life *lifecycle
}

// RegisterService registers a guarded copy of the service.
func (g guard) RegisterService(desc *grpc.ServiceDesc, impl any) {
	d := *desc
	d.Methods = slices.Clone(desc.Methods)
	for i, m := range d.Methods {
		d.Methods[i].Handler = g.unary(m.Handler)
	}
	d.Streams = slices.Clone(desc.Streams)
	for i, s := range d.Streams {
		d.Streams[i].Handler = g.stream("/"+d.ServiceName+"/"+s.StreamName, s.Handler)
	}
	g.to.RegisterService(&d, impl)
}

func (g guard) unary(inner grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, dec func(any) error, outer grpc.UnaryServerInterceptor) (any, error) {
		return inner(srv, ctx, dec, g.around(outer))
	}
}

// around is the guard as an interceptor, inside the server's own one if there is any.
func (g guard) around(outer grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		guarded := func(ctx context.Context, req any) (resp any, err error) {
			err = g.run(info.FullMethod, func() (err error) {
				resp, err = handler(ctx, req)
				return err
			})
			if err != nil {
				_ = grpc.SetTrailer(ctx, spoken()) // fails outside a server only
			}
			return resp, err
		}
		if outer == nil {
			return guarded(ctx, req)
		}
		return outer(ctx, req, info, guarded)
	}
}

func (g guard) stream(method string, inner grpc.StreamHandler) grpc.StreamHandler {
	return func(srv any, s grpc.ServerStream) error {
		s.SetTrailer(spoken())
		return g.run(method, func() error {
			if g.life == nil {
				return inner(srv, s)
			}
			ctx, cancel := context.WithCancel(s.Context())
			defer cancel()
			defer context.AfterFunc(g.life.streams, cancel)()
			return inner(srv, stoppable{s, ctx})
		})
	}
}

// spoken is the trailer of what the plugin itself says. A status without it was made up by the caller's gRPC, for a
// connection that broke: what UNAVAILABLE proves, only the plugin can say.
func spoken() metadata.MD { return metadata.Pairs("pgvigil-plugin", "said") }

// run calls f in order, with panics kept in and errors translated.
func (g guard) run(method string, f func() error) (err error) {
	if g.life != nil {
		if err := g.life.enter(); err != nil {
			return err
		}
		defer g.life.leave()
	}
	defer func() {
		if r := recover(); r != nil {
			g.log.Error("call panicked", "method", method, "panic", fmt.Sprint(r), "stack", stack())
			err = status.Errorf(codes.Internal, "panic in %s: %v", method, r)
		}
	}()
	return toStatus(f())
}

// stack of the panic, short enough for one line of a log.
func stack() string {
	s := debug.Stack()
	return string(s[:min(len(s), 8<<10)])
}

// toStatus gives a plain error the code a caller can act on; a status stays what it is.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	if s, ok := status.FromError(err); ok && s.Code() != codes.Unknown {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Internal, err.Error())
}

// stoppable is a server stream whose context also ends when the plugin stops.
type stoppable struct {
	grpc.ServerStream
	ctx context.Context
}

func (s stoppable) Context() context.Context { return s.ctx }
