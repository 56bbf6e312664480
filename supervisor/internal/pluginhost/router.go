// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
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
