// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/proto/handshake"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// defaultDeadline bounds a call whose caller set no deadline. Streams are bounded by their silence instead.
const defaultDeadline = 10 * time.Second

// dialOptions bound every call in time and size.
func (s *session) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(handshake.MaxMessageBytes),
			grpc.MaxCallSendMsgSize(handshake.MaxMessageBytes),
		),
		// A fixed window: measuring the bandwidth of a local socket would cost a ping for each message.
		grpc.WithInitialWindowSize(handshake.WindowBytes),
		grpc.WithInitialConnWindowSize(handshake.WindowBytes),
		grpc.WithUnaryInterceptor(s.bounded),
		grpc.WithDisableServiceConfig(),
	}
}

// bounded gives a call without a deadline the default one, and has a plugin that missed a deadline looked after.
func (s *session) bounded(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
	}
	err := invoke(ctx, method, req, reply, cc, opts...)
	if status.Code(err) == codes.DeadlineExceeded && ctx.Value(unsuspiciousKey{}) == nil {
		s.suspect()
	}
	return err
}

type unsuspiciousKey struct{}

// unsuspicious marks the calls of a check: what they miss counts by itself.
func unsuspicious(ctx context.Context) context.Context {
	return context.WithValue(ctx, unsuspiciousKey{}, true)
}
