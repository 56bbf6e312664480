// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/store"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	errNotConfigured    = status.Error(codes.FailedPrecondition, "plugin is not configured")
	errNoPrefix         = status.Error(codes.InvalidArgument, "prefix is empty")
	errNegativeRevision = status.Error(codes.InvalidArgument, "revision to watch from is negative")
)

// toStatus gives an error of a read or a watch the code the contract names.
func toStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrInvalid):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, store.ErrCompacted):
		return status.Error(codes.OutOfRange, err.Error())
	case errors.Is(err, store.ErrDenied):
		return status.Error(codes.FailedPrecondition, err.Error())
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
		return status.Error(codes.Unavailable, err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	return err // the caller's own stream
}

// toCommitStatus does the same for a commit of which nothing was applied. Only two codes say so.
func toCommitStatus(err error) error {
	if errors.Is(err, store.ErrInvalid) {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// checkCommit finds requests that can never succeed.
func checkCommit(req *pluginv1.CommitRequest) error {
	if len(req.GetWrites()) == 0 {
		return status.Error(codes.InvalidArgument, "commit without writes")
	}
	seen := make(map[string]bool, len(req.GetWrites()))
	for _, w := range req.GetWrites() {
		switch {
		case w.GetKey() == "":
			return status.Error(codes.InvalidArgument, "write without a key")
		case seen[w.GetKey()]:
			return status.Errorf(codes.InvalidArgument, "key %q stands twice among the writes", w.GetKey())
		}
		seen[w.GetKey()] = true
	}
	for _, c := range req.GetCompares() {
		switch {
		case c.GetKey() == "":
			return status.Error(codes.InvalidArgument, "compare without a key")
		case c.GetModRevision() < 0:
			return status.Errorf(codes.InvalidArgument, "compare of key %q with a negative revision", c.GetKey())
		}
	}
	return nil
}

func compares(in []*pluginv1.Compare) []store.Compare {
	out := make([]store.Compare, len(in))
	for i, c := range in {
		out[i] = store.Compare{Key: c.GetKey(), Revision: c.GetModRevision()}
	}
	return out
}

func writes(in []*pluginv1.Write) []store.Write {
	out := make([]store.Write, len(in))
	for i, w := range in {
		out[i] = store.Write{Key: w.GetKey(), Value: w.GetValue(), Delete: w.GetDelete()}
	}
	return out
}

func keyValues(in []store.KeyValue) []*pluginv1.KeyValue {
	out := make([]*pluginv1.KeyValue, len(in))
	for i, kv := range in {
		out[i] = keyValue(kv)
	}
	return out
}

func keyValue(kv store.KeyValue) *pluginv1.KeyValue {
	return &pluginv1.KeyValue{Key: kv.Key, Value: kv.Value, ModRevision: kv.Revision}
}

func watchResponse(step store.Step) *pluginv1.WatchResponse {
	resp := &pluginv1.WatchResponse{Revision: step.Revision}
	for _, ev := range step.Events {
		resp.Events = append(resp.Events, &pluginv1.Event{KeyValue: keyValue(ev.KeyValue), Deleted: ev.Deleted})
	}
	return resp
}
