// SPDX-License-Identifier: Apache-2.0

// Package router pushes routes to HAProxy. Health checks stay the truth: a push is what the next result of
// a check would make of a server anyway, only earlier, and each wish is pushed once. What a check makes of
// it afterwards stands, until the wish changes or HAProxy was started anew and has forgotten it.
package router

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/ownfile"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Router serves pluginv1.Router for the HAProxys of a host.
type Router struct {
	pluginv1.UnimplementedRouterServer

	mu        sync.Mutex
	epochs    *sdk.Epochs
	order     order
	applied   time.Time
	instances []*instance

	file ownfile.File
}

// New makes a router that is not configured.
func New() *Router { return new(Router) }

// Configure makes a body current; routes applied before stay in force. That an HAProxy cannot be used now is for
// Health to tell: it may come.
func (r *Router) Configure(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	b, found := conf.Decode(c)
	if found != nil {
		return found
	}
	if err := r.take(b, filepath.Join(c.Host.GetStateDir(), "epoch")); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "state cannot be read", "%v.", err)}
	}
	r.file.Configure(b.OwnFile(c.Host.GetRunDir()))
	if c.Examine {
		r.file.Examine()
		r.expect(c.Host.GetMember())
	}
	return nil
}

// expect has Health look for a server of a member that no routes have named yet.
func (r *Router) expect(member string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order.expected = member
}

func (r *Router) take(b conf.Body, epochFile string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epochs == nil {
		epochs, err := sdk.OpenEpochs(epochFile)
		if err != nil {
			return err
		}
		r.epochs = epochs
	}
	r.order.body = b
	before := r.instances
	r.instances = nil
	for _, path := range b.Sockets {
		n := slices.IndexFunc(before, func(i *instance) bool { return i.socket == admin.Socket(path) })
		if n >= 0 {
			r.instances = append(r.instances, before[n])
			continue
		}
		r.instances = append(r.instances, start(admin.Socket(path), r))
	}
	for _, i := range before {
		if !slices.Contains(r.instances, i) {
			i.stop()
		}
	}
	return nil
}

// Health tells what keeps routes from being pushed, or which servers are up.
func (r *Router) Health(ctx context.Context) (bool, string) {
	var problems, summaries []string
	for _, report := range each(r.current(), func(i *instance) report { return i.examine(ctx) }) {
		problems = append(problems, report.problems...)
		summaries = append(summaries, report.summary)
	}
	if p := r.file.Problem(); p != "" {
		problems = append(problems, p)
	}
	if len(problems) == 0 {
		o, _ := r.latest()
		if err := o.cutLeftBehind(ctx, nil); err != nil {
			problems = append(problems, line(err))
		}
	}
	if len(problems) > 0 {
		return false, strings.Join(problems, "; ")
	}
	return true, strings.Join(summaries, "; ")
}

// Stop ends the watches. What was pushed stays.
func (r *Router) Stop(context.Context) error {
	for _, i := range r.current() {
		i.stop()
	}
	r.file.Stop()
	return nil
}

// Apply pushes to every HAProxy what the routes change, and waits for none longer than admin.Patience.
// UNAVAILABLE: some HAProxy could not be told, the message says which and why; the others were.
func (r *Router) Apply(ctx context.Context, req *pluginv1.RouterApplyRequest) (*pluginv1.RouterApplyResponse, error) {
	_, known := pluginv1.OwnRole_name[int32(req.GetOwnRole())]
	if !known || req.GetOwnRole() == pluginv1.OwnRole_OWN_ROLE_UNSPECIFIED {
		return nil, status.Errorf(codes.InvalidArgument, "own_role %d is unknown", req.GetOwnRole())
	}
	if err := r.accept(req); err != nil {
		return nil, err
	}
	errs := each(r.current(), func(i *instance) error { return i.apply(ctx) })
	r.file.Keep(addresses(req))
	if err := errors.Join(errs...); err != nil {
		return nil, status.Error(codes.Unavailable, line(err))
	}
	return &pluginv1.RouterApplyResponse{}, nil
}

// addresses of the members, as far as they can stand in HAProxy's configuration.
func addresses(r *routes) ownfile.Members {
	members := ownfile.Members{}
	for _, e := range (order{routes: r}).members() {
		if conf.Name(e.GetName()) && conf.Name(e.GetHost()) {
			members[e.GetName()] = address(e)
		}
	}
	return members
}

// accept makes the routes the latest, unless their epoch is old.
func (r *Router) accept(req *routes) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.epochs.Admit(req.GetEpoch()); err != nil {
		return err
	}
	r.order.routes, r.applied = req, time.Now()
	return nil
}

// latest is the order to carry out, and how long ago its routes were applied.
func (r *Router) latest() (order, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order, time.Since(r.applied)
}

func (r *Router) current() []*instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.instances)
}

// each calls f for all instances at once, so that none waits for another.
func each[T any](instances []*instance, f func(*instance) T) []T {
	results := make([]T, len(instances))
	var all sync.WaitGroup
	for n, i := range instances {
		all.Go(func() { results[n] = f(i) })
	}
	all.Wait()
	return results
}

// line is the text of joined errors in one line.
func line(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
