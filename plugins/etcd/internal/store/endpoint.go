// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

var (
	errForeign = errors.New("endpoint belongs to another etcd cluster")
	errLearner = errors.New("etcd member is a learner")
)

// endpoint is one member of the etcd cluster as reached by one URL.
type endpoint struct {
	url     string
	client  *clientv3.Client
	link    *link
	token   *token
	cluster *atomic.Uint64 // cluster id all endpoints must share; 0 until the first answer

	checked atomic.Uint64 // state of the link when the endpoint was last checked
	suspect atomic.Bool   // stayed silent or failed when it was last asked
}

// newEndpoint prepares a connection; it is made when it is first needed.
func newEndpoint(url string, cfg Config, cluster *atomic.Uint64) (*endpoint, error) {
	e := &endpoint{
		url:     url,
		link:    newLink(),
		token:   &token{user: cfg.Username, password: cfg.Password},
		cluster: cluster,
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            []string{url},
		TLS:                  cfg.TLS,
		Logger:               zap.NewNop(),
		DialKeepAliveTime:    cfg.KeepAlive,
		DialKeepAliveTimeout: cfg.KeepAliveTimeout,
		// One try and no more. With the default of 100 the library repeats any call, a transaction too,
		// whose answer is "deadline exceeded" while the caller's own deadline has not quite passed.
		MaxUnaryRetries: 1,
		DialOptions:     e.dialOptions(cfg),
	})
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", url, err)
	}
	e.client = client
	return e, nil
}

func (e *endpoint) dialOptions(cfg Config) []grpc.DialOption {
	opts := []grpc.DialOption{
		grpc.WithStatsHandler(e.link),
		grpc.WithPerRPCCredentials(e.token),
		// A fixed window: measuring the bandwidth would cost a ping for each of our few small messages.
		grpc.WithInitialWindowSize(1 << 20),
		grpc.WithInitialConnWindowSize(1 << 20),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: cfg.DialTimeout,
		}),
	}
	if cfg.TLS != nil && strings.HasPrefix(e.url, "https:") {
		opts = append(opts, grpc.WithTransportCredentials(transportCredentials(cfg.TLS)))
	}
	return opts
}

// call runs one RPC. A connection that was not used before is checked first, and an RPC that etcd refused for
// its token is run once more with a new one. sent tells whether the RPC may have been applied when err is not nil.
func (e *endpoint) call(ctx context.Context, rpc func(context.Context) error) (sent bool, err error) {
	if err := e.prepare(ctx); err != nil {
		return false, err
	}
	return e.authenticated(ctx, rpc)
}

func (e *endpoint) authenticated(ctx context.Context, rpc func(context.Context) error) (sent bool, err error) {
	if e.token.needed() {
		if err := e.token.renew(ctx, e.client, ""); err != nil {
			return false, err
		}
	}
	used := e.token.get()
	sent, err = e.attempt(ctx, rpc)
	if err == nil || judge(err) != staleToken {
		return sent, err
	}
	if err := e.token.renew(ctx, e.client, used); err != nil {
		return false, err
	}
	return e.attempt(ctx, rpc)
}

// attempt runs an RPC once and tells what is known about its being applied.
func (e *endpoint) attempt(ctx context.Context, rpc func(context.Context) error) (sent bool, err error) {
	marked, mark := withSentMark(clientv3.WithRequireLeader(ctx))
	err = rpc(marked)
	if err == nil {
		return true, nil
	}
	return mark.sent.Load() && judge(err) == inconclusive, err
}

// prepare checks the endpoint once per connection: a server that was replaced by one of another cluster
// must not be written to.
func (e *endpoint) prepare(ctx context.Context) error {
	if state, _ := e.link.current(); up(state) && e.checked.Load() == state {
		return nil
	}
	_, err := e.probe(ctx)
	return err
}

// probe asks the endpoint for its state and checks that it may be used.
func (e *endpoint) probe(ctx context.Context) (*pb.StatusResponse, error) {
	before, _ := e.link.current()
	st, err := e.status(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.admit(st); err != nil {
		return st, err
	}
	if after, _ := e.link.current(); up(after) && after-before <= 1 {
		e.checked.Store(after)
	}
	return st, nil
}

// status asks for the endpoint's state; a member without a leader answers with an error.
func (e *endpoint) status(ctx context.Context) (st *pb.StatusResponse, err error) {
	// Not client.Status, which makes a connection of its own for every call.
	maintenance := clientv3.RetryMaintenanceClient(e.client, e.client.ActiveConnection())
	_, err = e.authenticated(ctx, func(ctx context.Context) (err error) {
		st, err = maintenance.Status(ctx, &pb.StatusRequest{})
		return err
	})
	return st, err
}

func (e *endpoint) admit(st *pb.StatusResponse) error {
	id := st.Header.GetClusterId()
	if !e.cluster.CompareAndSwap(0, id) && e.cluster.Load() != id {
		return fmt.Errorf("%w: %s says %x, expected %x", errForeign, e.url, id, e.cluster.Load())
	}
	if st.IsLearner {
		return errLearner
	}
	return nil
}

func (e *endpoint) close() { _ = e.client.Close() } // the error is that of its own cancelled context
