// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// finish reads a long call to its end.
func finish(stream grpc.ServerStreamingClient[pluginv1.Progress], err error) error {
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (h *host) bootstrap(t testing.TB) {
	t.Helper()
	must(t, "bootstrap", finish(h.client().Bootstrap(within(t), &pluginv1.BootstrapRequest{Epoch: 1})))
}

func (h *host) tryStart(t testing.TB, upstream *host) error {
	t.Helper()
	req := &pluginv1.StartRequest{Epoch: 1}
	if upstream != nil {
		req.Upstream = upstream.peer()
	}
	return finish(h.client().Start(within(t), req))
}

func (h *host) start(t testing.TB, upstream *host) {
	t.Helper()
	must(t, "start of "+h.name, h.tryStart(t, upstream))
}

func (h *host) stop(t testing.TB, patience time.Duration) {
	t.Helper()
	must(t, "stop of "+h.name, finish(h.client().Stop(within(t), &pluginv1.PostgresStopRequest{Epoch: 1, PatienceNs: int64(patience)})))
}

func (h *host) promote(t testing.TB, least uint32, members ...string) {
	t.Helper()
	must(t, "promotion of "+h.name, finish(h.client().Promote(within(t), &pluginv1.PromoteRequest{Epoch: 1, MinTimeline: least, Members: members})))
}

func (h *host) clone(t testing.TB, source *host) {
	t.Helper()
	must(t, "clone", finish(h.client().Clone(within(t), &pluginv1.CloneRequest{Epoch: 1, Source: source.peer(), Replace: true})))
}

func (h *host) rewind(t testing.TB, source *host) error {
	t.Helper()
	return finish(h.client().Rewind(within(t), &pluginv1.RewindRequest{Epoch: 1, Source: source.peer()}))
}

func (h *host) detach(t testing.TB) *pluginv1.DetachResponse {
	t.Helper()
	resp, err := h.client().Detach(within(t), &pluginv1.DetachRequest{Epoch: 1})
	must(t, "detachment", err)
	return resp
}

func (h *host) follow(t testing.TB, source *host) {
	t.Helper()
	_, err := h.client().Follow(within(t), &pluginv1.FollowRequest{Epoch: 1, Upstream: source.peer()})
	must(t, "follow", err)
}

// await reads states until one is as wanted.
func (h *host) await(t testing.TB, what string, wanted func(*pluginv1.ObserveResponse) bool) *pluginv1.ObserveResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), plugintest.Patience)
	defer cancel()
	stream, err := h.client().Observe(ctx, &pluginv1.ObserveRequest{IntervalNs: int64(200 * time.Millisecond)})
	must(t, "observation", err)
	var last *pluginv1.ObserveResponse
	for {
		state, err := stream.Recv()
		if err != nil {
			t.Fatalf("%s never was %s: %v; last seen: %v", h.name, what, err, last)
		}
		if last = state; wanted(state) {
			return state
		}
	}
}

func (h *host) awaitStatus(t testing.TB, want pluginv1.Status) *pluginv1.ObserveResponse {
	t.Helper()
	return h.await(t, want.String(), func(o *pluginv1.ObserveResponse) bool { return o.GetStatus() == want })
}

func (h *host) awaitStreaming(t testing.TB) {
	t.Helper()
	h.await(t, "streaming", func(o *pluginv1.ObserveResponse) bool { return o.GetReceiver().GetStatus() == "streaming" })
}

// primary makes a member the primary of a new cluster.
func (h *host) primary(t testing.TB, members ...string) {
	t.Helper()
	h.bootstrap(t)
	h.start(t, nil)
	h.promote(t, 0, members...)
	h.await(t, "checkpointed", func(o *pluginv1.ObserveResponse) bool { return o.GetCheckpointed() })
}

// pair makes a primary and a standby that streams from it.
func pair(t testing.TB, bin string) (primary, standby *host) {
	t.Helper()
	primary, standby = newHost(t, bin, "alpha"), newHost(t, bin, "beta")
	primary.primary(t, "beta")
	standby.clone(t, primary)
	standby.start(t, primary)
	standby.awaitStreaming(t)
	return primary, standby
}
