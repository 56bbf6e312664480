// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var errWentBack = errors.New("revision of the store went back, was it restored from a backup?")

// KeyValue is one key as stored.
type KeyValue struct {
	Key   string
	Value []byte
	// Revision of the last commit that wrote the key.
	Revision int64
}

// Picture is a set of keys as of one revision of the store.
type Picture struct {
	Revision int64
	Keys     []KeyValue // ascending
}

// Read returns every key that starts with prefix. It is linearizable: the picture holds every commit that was
// acknowledged to anybody before the call. Errors: ErrUnavailable, ErrDenied, ErrInvalid.
func (s *Store) Read(ctx context.Context, prefix string) (Picture, error) {
	end, err := s.begin()
	if err != nil {
		return Picture{}, err
	}
	defer end()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	floor := s.newest.Load()
	a, err := race(ctx, s, func(ctx context.Context, e *endpoint) (*clientv3.GetResponse, error) {
		return e.get(ctx, prefix)
	})
	if err != nil {
		return Picture{}, fmt.Errorf("reading %s: %w", prefix, err)
	}
	got := a.value.Header.Revision
	if got < floor {
		return Picture{}, fmt.Errorf("%w: %w (from %d to %d)", ErrUnavailable, errWentBack, floor, got)
	}
	s.seen(got)
	return Picture{Revision: got, Keys: keyValues(a.value.Kvs)}, nil
}

func (e *endpoint) get(ctx context.Context, prefix string) (resp *clientv3.GetResponse, err error) {
	opts := []clientv3.OpOption{clientv3.WithPrefix()}
	_, err = e.call(ctx, func(ctx context.Context) (err error) {
		resp, err = e.client.Get(ctx, prefix, opts...)
		return err
	})
	return resp, err
}

func keyValues(kvs []*mvccpb.KeyValue) []KeyValue {
	out := make([]KeyValue, len(kvs))
	for i, kv := range kvs {
		out[i] = KeyValue{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision}
	}
	return out
}
