// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// result is how a call ended. note is for people when it succeeded.
type result struct {
	err     error
	trailer metadata.MD
	note    string
	// doneAt is when the plugin says the work ended; 0 when it does not.
	doneAt core.Instant
}

// postgresCall carries out one action by one RPC.
type postgresCall func(context.Context, *session, core.Action, func(core.Job)) result

// progressStream is the stream of a long call.
type progressStream = grpc.ServerStreamingClient[pluginv1.Progress]

// callFor finds the one RPC of an action, and refuses an action that lacks what the RPC needs.
func callFor(a core.Action) (postgresCall, error) {
	switch a.Kind {
	case core.ActClone, core.ActRewind, core.ActFollow:
		if a.Peer == nil {
			return nil, fmt.Errorf("action %s names no member to get WAL from", a.Kind)
		}
	}
	call, ok := postgresCalls()[a.Kind]
	if !ok {
		return nil, fmt.Errorf("action %s is not one of PostgreSQL's", a.Kind)
	}
	return call, nil
}

func postgresCalls() map[core.ActionKind]postgresCall {
	return map[core.ActionKind]postgresCall{
		core.ActBootstrap:  long(pluginv1.PostgresClient.Bootstrap, bootstrapToWire),
		core.ActClone:      long(pluginv1.PostgresClient.Clone, cloneToWire),
		core.ActStart:      long(pluginv1.PostgresClient.Start, startToWire),
		core.ActStop:       long(pluginv1.PostgresClient.Stop, stopToWire),
		core.ActPromote:    long(pluginv1.PostgresClient.Promote, promoteToWire),
		core.ActRewind:     long(pluginv1.PostgresClient.Rewind, rewindToWire),
		core.ActCheckpoint: long(pluginv1.PostgresClient.Checkpoint, checkpointToWire),
		core.ActFollow:     short(pluginv1.PostgresClient.Follow, followToWire, nil),
		core.ActDetach:     short(pluginv1.PostgresClient.Detach, detachToWire, detachNote),
		core.ActApply:      short(pluginv1.PostgresClient.Apply, applyToWire, nil),
	}
}

// long is a call that streams progress until it is done.
func long[Request any](
	rpc func(pluginv1.PostgresClient, context.Context, *Request, ...grpc.CallOption) (progressStream, error),
	request func(core.Action) *Request,
) postgresCall {
	return func(ctx context.Context, s *session, a core.Action, progress func(core.Job)) result {
		v := s.keepVigil(ctx, progressSilence)
		defer v.end()
		stream, err := rpc(pluginv1.NewPostgresClient(s.conn), v, request(a))
		if err != nil {
			return result{err: v.because(err)}
		}
		var doneAt core.Instant
		for {
			step, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return result{doneAt: doneAt}
			}
			if err != nil {
				return result{err: v.because(err), trailer: stream.Trailer(), doneAt: doneAt}
			}
			v.heard()
			doneAt = core.Instant(step.GetDoneAtBoottimeNs())
			progress(jobFromWire(a, step))
		}
	}
}

// answer is that of a short call.
type answer[T any] interface {
	*T
	GetDoneAtBoottimeNs() int64
}

// short is a call with one answer. note may be nil.
func short[Request any, Response any, Answer answer[Response]](
	rpc func(pluginv1.PostgresClient, context.Context, *Request, ...grpc.CallOption) (Answer, error),
	request func(core.Action) *Request,
	note func(Answer) string,
) postgresCall {
	return func(ctx context.Context, s *session, a core.Action, _ func(core.Job)) result {
		ctx, cancel := context.WithTimeout(ctx, shortCall)
		defer cancel()
		var r result
		var answer Answer
		answer, r.err = rpc(pluginv1.NewPostgresClient(s.conn), ctx, request(a), grpc.Trailer(&r.trailer))
		if r.err == nil {
			r.doneAt = core.Instant(answer.GetDoneAtBoottimeNs())
		}
		if r.err == nil && note != nil {
			r.note = note(answer)
		}
		return r
	}
}
