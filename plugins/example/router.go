// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// router serves pluginv1.Router. What it embeds answers UNIMPLEMENTED to the calls it does not have.
type router struct {
	pluginv1.UnimplementedRouterServer

	mu     sync.Mutex
	path   string
	epochs *sdk.Epochs
}

// configure makes a body current. When it answers an error, it has changed nothing.
func (r *router) configure(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	var b body
	if err := c.Decode(&b); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epochs == nil {
		epochs, err := sdk.OpenEpochs(filepath.Join(c.Host.GetStateDir(), "epoch"))
		if err != nil {
			return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "state cannot be read", "%v.", err)}
		}
		r.epochs = epochs
	}
	r.path = b.Path
	return nil
}

// health tells whether Apply could work now.
func (r *router) health(context.Context) (bool, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := os.Stat(filepath.Dir(r.path)); err != nil {
		return false, err.Error()
	}
	return true, "writing " + r.path
}

// Apply writes the routes, unless the file holds them already.
func (r *router) Apply(_ context.Context, req *pluginv1.RouterApplyRequest) (*pluginv1.RouterApplyResponse, error) {
	want, err := render(req)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	have, err := os.ReadFile(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, status.Errorf(codes.Unavailable, "routes file: %v", err)
	}
	if err == nil && bytes.Equal(have, want) {
		return &pluginv1.RouterApplyResponse{}, nil
	}
	if err := sdk.WriteFile(r.path, want, 0o644); err != nil {
		return nil, status.Errorf(codes.Unavailable, "routes file: %v", err)
	}
	return &pluginv1.RouterApplyResponse{}, nil
}

// render is the content of the file; equal routes give equal bytes.
func render(req *pluginv1.RouterApplyRequest) ([]byte, error) {
	roles := map[pluginv1.OwnRole]string{
		pluginv1.OwnRole_OWN_ROLE_PRIMARY: "primary",
		pluginv1.OwnRole_OWN_ROLE_STANDBY: "standby",
		pluginv1.OwnRole_OWN_ROLE_NONE:    "none",
	}
	role, ok := roles[req.GetOwnRole()]
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "own_role %d is unknown", req.GetOwnRole())
	}
	out, err := json.MarshalIndent(map[string]any{
		"epoch":    req.GetEpoch(),
		"primary":  req.GetPrimary(),
		"replicas": req.GetReplicas(),
		"own_role": role,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}
