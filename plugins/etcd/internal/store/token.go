// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// token is the authentication of one endpoint's calls by user and password. The client library could do
// this, but it then cannot be made without an answering server, and it decides by itself what to send again.
type token struct {
	user, password string

	renewing sync.Mutex // held while asking for a new one
	mu       sync.Mutex
	value    string
	valid    bool
}

// needed tells whether a token must be fetched before the first call.
func (t *token) needed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.user != "" && !t.valid
}

func (t *token) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value
}

func (t *token) set(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.value, t.valid = value, true
}

// renew fetches a token in place of the refused one. It does nothing when another call has already done so,
// or when there is no user (a client certificate's name needs no token).
func (t *token) renew(ctx context.Context, c *clientv3.Client, refused string) error {
	if t.user == "" {
		return nil
	}
	t.renewing.Lock()
	defer t.renewing.Unlock()
	if !t.needed() && t.get() != refused {
		return nil
	}
	t.set("") // a refused token must not go along with the request for a new one
	resp, err := c.Authenticate(ctx, t.user, t.password)
	if errors.Is(err, rpctypes.ErrAuthNotEnabled) {
		return nil
	}
	if err != nil {
		t.forget()
		return err
	}
	t.set(resp.Token)
	return nil
}

// forget makes the next call fetch a token first.
func (t *token) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.value, t.valid = "", false
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t *token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if v := t.get(); v != "" {
		return map[string]string{rpctypes.TokenFieldNameGRPC: v}, nil
	}
	return nil, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. Whether a password may go over a plain
// connection is the configuration's decision.
func (t *token) RequireTransportSecurity() bool { return false }
