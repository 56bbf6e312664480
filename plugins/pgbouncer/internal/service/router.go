// SPDX-License-Identifier: Apache-2.0

// Package service serves pluginv1.Router for any number of PgBouncers.
package service

import (
	"context"
	"log/slog"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// answerBound is how long a console may take to answer what needs no waiting.
const answerBound = time.Second

// Router is the router of one plugin process.
type Router struct {
	pluginv1.UnimplementedRouterServer
	log *slog.Logger

	applying turn // one Apply at a time
	pausing  turn // one Pause, Resume or end of a pause at a time; guards hold

	hold *hold // nil while nothing is held

	mu        sync.Mutex // guards what follows
	body      conf.Body
	instances []*instance
	epochs    *sdk.Epochs
	stateDir  string
	giveUp    context.CancelFunc // ends the Pause that runs
	examine   bool               // only to look
}

// New makes a router that is not configured.
func New(log *slog.Logger) *Router {
	return &Router{log: log, applying: newTurn(), pausing: newTurn(), giveUp: func() {}}
}

// instance is one PgBouncer. What is not said to be for others is Apply's alone.
type instance struct {
	console *console.Console // for all
	// fault is what Apply has found wrong with its configuration, for Health.
	fault atomic.Pointer[setupError]
	// behind: it has not been told what stands in the databases_file, or was not when the plugin was started.
	behind bool
	// primary that its connections to the server were made for; empty if not known.
	primary string
}

// turn is a mutex that can be waited for with a context.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }

// Validate finds what is wrong with a body.
func (r *Router) Validate(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	body, err := conf.Decode(c)
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	return conf.Validate(body)
}

// Configure makes a body current; it contacts nobody. The first one takes up a pause that an earlier process left.
func (r *Router) Configure(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	body, err := conf.Decode(c)
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	if s := r.state(); s.epochs != nil && reflect.DeepEqual(s.body, body) {
		return nil
	}
	instances, err := open(body)
	if err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("consoles"), "invalid console", "%v.", err)}
	}
	if err := r.restore(c.Host.GetStateDir(), body); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "state cannot be read", "%v.", err)}
	}
	r.mu.Lock()
	old := r.instances
	r.body, r.instances, r.examine = body, instances, c.Examine
	r.mu.Unlock()
	go closeAll(old) // it waits for whoever uses them
	return nil
}

func open(body conf.Body) ([]*instance, error) {
	var all []*instance
	for _, conninfo := range body.Consoles {
		c, err := console.Open(conninfo, body.Secret)
		if err != nil {
			return nil, err
		}
		all = append(all, &instance{console: c, behind: true})
	}
	return all, nil
}

// restore reads what an earlier process left on disk, once.
func (r *Router) restore(stateDir string, body conf.Body) error {
	if r.state().epochs != nil {
		return nil
	}
	r.pausing <- struct{}{}
	defer r.pausing.give()
	epochs, err := sdk.OpenEpochs(filepath.Join(stateDir, "epoch"))
	if err != nil {
		return err
	}
	if err := r.takeUp(filepath.Join(stateDir, markName), body); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epochs, r.stateDir = epochs, stateDir
	return nil
}

func closeAll(instances []*instance) {
	for _, i := range instances {
		i.console.Close()
	}
}

// state is what a call works with.
type state struct {
	body      conf.Body
	instances []*instance
	epochs    *sdk.Epochs
	stateDir  string
	examine   bool
}

func (r *Router) state() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return state{r.body, r.instances, r.epochs, r.stateDir, r.examine}
}

// Stop resumes what is held and closes the connections.
func (r *Router) Stop(ctx context.Context) error {
	r.endPause()
	if err := r.pausing.take(ctx); err != nil {
		return err
	}
	defer r.pausing.give()
	defer closeAll(r.state().instances)
	return r.release(ctx)
}
