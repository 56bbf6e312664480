// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
)

// lateEvery is the time between two attempts to configure a router that was down.
const lateEvery = time.Second

// configurer gives plugins their bodies. Its methods but wait are not for concurrent use.
type configurer struct {
	host *pluginhost.Host
	log  *slog.Logger

	running sync.WaitGroup
	// inForce are the bodies by plugin, ttl what is told with them.
	inForce map[string][]byte
	ttl     atomic.Int64
	late    late
}

// newConfigurer makes the host of the plugins, which is not open yet.
func newConfigurer(log *slog.Logger, specs []pluginhost.Spec) *configurer {
	c := &configurer{log: log}
	for i := range specs {
		specs[i].Context.TTL = func() core.Span { return core.Span(c.ttl.Load()) }
	}
	c.host = pluginhost.New(log, specs...)
	return c
}

// late are the routers that were down, and the attempts to configure them.
type late struct {
	cfg     *config.Config
	blocks  []config.PluginBlock
	cancel  context.CancelFunc // nil before the first attempt
	running sync.WaitGroup
}

// judged is a block whose body its plugin takes.
type judged struct {
	block config.PluginBlock
	body  []byte
	paths config.PathIndex
}

// apply has every plugin judge its body, and if all are well makes them current. The diagnostics hold all
// findings of all plugins. A router that is down is no error: it is configured when it is up.
func (c *configurer) apply(ctx context.Context, cfg *config.Config) (*config.Diagnostics, error) {
	c.giveUpLate()
	diags, err := c.applyNow(ctx, cfg)
	c.configureLate(ctx)
	return diags, err
}

func (c *configurer) applyNow(ctx context.Context, cfg *config.Config) (*config.Diagnostics, error) {
	well, late, diags, err := c.judge(ctx, cfg)
	if err != nil || diags.HasErrors() {
		return diags, err
	}
	bodies, before := map[string][]byte{}, c.ttl.Swap(int64(cfg.Timing.TTL))
	for _, j := range well {
		found, err := c.host.Plugin(j.block.Name).Configure(ctx, j.body)
		diags.Append(located(found, j.paths)...)
		switch {
		case err != nil && optional(j.block):
			late = append(late, j.block)
			continue
		case err != nil:
			err = fmt.Errorf("%s: %w", j.block, err)
		}
		if err != nil || diags.HasErrors() {
			c.ttl.Store(before)
			c.restore(ctx, bodies)
			return diags, err
		}
		bodies[j.block.Name] = j.body
	}
	c.inForce, c.late.cfg, c.late.blocks = bodies, cfg, late
	return diags, nil
}

// judge has every plugin of the host judge its body, and lists the routers that cannot be asked.
func (c *configurer) judge(ctx context.Context, cfg *config.Config) (well []judged, late []config.PluginBlock, all *config.Diagnostics, err error) {
	all = cfg.Diagnostics()
	for _, b := range cfg.Plugins() {
		p := c.host.Plugin(b.Name)
		if p == nil || string(p.Kind()) != b.Kind {
			continue // new since the start: needs a restart
		}
		body, paths, diags, err := CheckBody(ctx, cfg, b, p)
		all.Merge(diags)
		switch {
		case err != nil && optional(b):
			c.log.Warn("router is down, it is configured when it is up", "plugin", b.Name, "error", err)
			late = append(late, b)
		case err != nil:
			return nil, nil, all, fmt.Errorf("%s: %w", b, err)
		case !diags.HasErrors():
			well = append(well, judged{b, body, paths})
		}
	}
	return well, late, all, nil
}

func optional(b config.PluginBlock) bool { return b.Kind == string(pluginhost.KindRouter) }

// restore makes the earlier bodies of plugins current again.
func (c *configurer) restore(ctx context.Context, changed map[string][]byte) {
	for name := range changed {
		body, ok := c.inForce[name]
		if !ok {
			continue
		}
		if found, err := c.host.Plugin(name).Configure(ctx, body); err != nil || pluginhost.HasErrors(found) {
			c.log.Error("plugin did not take its earlier configuration back", "plugin", name, "error", err)
		}
	}
}

// configureLate configures the routers that were down when they are up.
func (c *configurer) configureLate(ctx context.Context) {
	ctx, c.late.cancel = context.WithCancel(ctx)
	for _, b := range c.late.blocks {
		cfg := c.late.cfg
		c.late.running.Go(func() {
			for !c.configureNow(ctx, cfg, b) && pause(ctx, lateEvery) {
			}
		})
	}
}

// giveUpLate ends the attempts to configure routers that were down.
func (c *configurer) giveUpLate() {
	if c.late.cancel != nil {
		c.late.cancel()
	}
	c.late.running.Wait()
}

// configureNow waits until a router is up and configures it. It returns false when that is to be tried again.
func (c *configurer) configureNow(ctx context.Context, cfg *config.Config, b config.PluginBlock) (settled bool) {
	p := c.host.Plugin(b.Name)
	if p.Ready(ctx) != nil {
		return false // the plugin host logs why
	}
	body, paths, diags, err := CheckBody(ctx, cfg, b, p)
	if err == nil && !diags.HasErrors() {
		var found []pluginhost.Diagnostic
		found, err = p.Configure(ctx, body)
		diags.Append(located(found, paths)...)
	}
	switch {
	case err != nil:
		c.log.Warn("router not configured", "plugin", b.Name, "error", err)
		return false
	case diags.HasErrors():
		c.log.Error("router refused its configuration: it is not used until that is corrected and reloaded", "plugin", b.Name, "error", diags.Err())
		return true
	}
	c.log.Info("router configured", "plugin", b.Name)
	return true
}

// wait returns when nothing of the configurer and of what was started beside it runs; their context has ended.
func (c *configurer) wait() {
	c.running.Wait()
	c.giveUpLate()
}

// pause waits; false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
