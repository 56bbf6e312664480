// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// watchStream is one watch on one connection. The client library's Watch is not used, because it clings to
// its endpoint for ever, and blocks while that is frozen.
type watchStream struct {
	responses chan *pb.WatchResponse
	failed    chan error // one error, when the stream has ended
	requests  chan *pb.WatchRequest
}

// openStream starts a watch; its goroutines end with the context.
func openStream(ctx context.Context, e *endpoint, w *Watch) (*watchStream, error) {
	if e.token.needed() {
		if err := e.token.renew(ctx, e.client, ""); err != nil {
			return nil, err
		}
	}
	client := pb.NewWatchClient(e.client.ActiveConnection())
	rpc, err := client.Watch(clientv3.WithRequireLeader(ctx), grpc.MaxCallRecvMsgSize(math.MaxInt32))
	if err != nil {
		return nil, err
	}
	s := &watchStream{
		responses: make(chan *pb.WatchResponse),
		failed:    make(chan error, 1),
		requests:  make(chan *pb.WatchRequest, 1),
	}
	s.requests <- createRequest(w)
	go s.send(ctx, rpc)
	go s.receive(ctx, rpc)
	return s, nil
}

func createRequest(w *Watch) *pb.WatchRequest {
	create := &pb.WatchCreateRequest{
		Key:           []byte(w.prefix),
		RangeEnd:      []byte(clientv3.GetPrefixRangeEnd(w.prefix)),
		StartRevision: w.next,
	}
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}
}

// poke asks the server for a sign of life, unless an earlier request still waits to be sent.
func (s *watchStream) poke() {
	progress := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
	select {
	case s.requests <- progress:
	default:
	}
}

func (s *watchStream) send(ctx context.Context, rpc pb.Watch_WatchClient) {
	for {
		select {
		case r := <-s.requests:
			if rpc.Send(r) != nil {
				return // the receiver sees the reason
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *watchStream) receive(ctx context.Context, rpc pb.Watch_WatchClient) {
	for {
		resp, err := rpc.Recv()
		if err != nil {
			s.failed <- err
			return
		}
		select {
		case s.responses <- resp:
		case <-ctx.Done():
			return
		}
	}
}

// cancelled turns the reason etcd gives for ending a watch into an error that judge knows. It is the text of
// a status: "rpc error: code = PermissionDenied desc = etcdserver: permission denied".
func cancelled(reason string) error {
	if _, desc, ok := strings.Cut(reason, " desc = "); ok {
		reason = desc
	}
	return status.Error(codes.Aborted, reason)
}
