// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Router is the typed client of a router plugin.
type Router struct{ plugin *Plugin }

// Routers are the host's router plugins, in the order of their specs.
func (h *Host) Routers() []*Router {
	var routers []*Router
	for _, p := range h.plugins {
		if p.spec.Kind == KindRouter {
			routers = append(routers, &Router{p})
		}
	}
	return routers
}

// Name is the label of the router's block.
func (r *Router) Name() string { return r.plugin.spec.Name }

// Apply brings the router in line with the routes. After an error the routes may or may not be in force: apply
// again.
func (r *Router) Apply(ctx context.Context, routes core.Routes) error {
	request, err := routesToWire(routes)
	if err != nil {
		return fmt.Errorf("routes for plugin %s: %w", r.plugin.spec.Name, err)
	}
	s, err := r.plugin.ready()
	if err != nil {
		return err
	}
	if _, err := pluginv1.NewRouterClient(s.conn).Apply(ctx, request); err != nil {
		return fmt.Errorf("routes for plugin %s: %w", r.plugin.spec.Name, err)
	}
	return nil
}

// Pools tells whether the plugin is there and can hold clients' transactions back.
func (r *Router) Pools() bool {
	s, err := r.plugin.ready()
	return err == nil && s.info.Can("router.pause")
}

// Pause has the pooler hold transactions back; it returns once none runs any more. wait bounds that, and after hold the pooler goes
// on by itself. After an error it may or may not hold: resume.
func (r *Router) Pause(ctx context.Context, epoch core.Epoch, wait, hold core.Span) error {
	s, err := r.plugin.ready()
	if err != nil {
		return err
	}
	// That transactions do not end in time says nothing of the plugin.
	_, err = pluginv1.NewRouterClient(s.conn).Pause(unsuspicious(ctx), &pluginv1.PauseRequest{Epoch: uint64(epoch), WaitNs: int64(wait), HoldNs: int64(hold)})
	return asSaid(err)
}

// Resume ends a pause. Idempotent.
func (r *Router) Resume(ctx context.Context, epoch core.Epoch) error {
	s, err := r.plugin.ready()
	if err != nil {
		return err
	}
	_, err = pluginv1.NewRouterClient(s.conn).Resume(ctx, &pluginv1.ResumeRequest{Epoch: uint64(epoch)})
	return asSaid(err)
}

// asSaid is an error with what the plugin says to people.
func asSaid(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(message(err))
}
