// SPDX-License-Identifier: Apache-2.0

// Package daemon puts pgvigild together: configuration, plugins, loop, REST interface and systemd.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
	"github.com/pgvigil/pgvigil/supervisor/internal/peers"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Daemon is one supervisor.
type Daemon struct {
	Config  *config.Config
	Version string
	Log     *slog.Logger
	// Level is that of Log; nil if it cannot be changed.
	Level *slog.LevelVar
	// Stop ends the daemon together with PostgreSQL when it is closed, after handing the leadership over.
	Stop <-chan struct{}
	// Reload has the configuration read again, by Load, with every receive. Both may be nil.
	Reload <-chan os.Signal
	Load   func() (*config.Config, *config.Diagnostics)
}

// Run works until Stop was obeyed, or ctx ends: then PostgreSQL and the leadership are left for the next process.
// See ExitStatus for its errors.
func (d *Daemon) Run(ctx context.Context) error {
	if err := prepareDirectories(d.Config); err != nil {
		return err
	}
	store, err := d.openStore()
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	policy := d.Config.Policy()
	dog := newWatchdog(d.Config.Watchdog, d.Config.RunDir, policy.RenewEvery(), d.Log)
	dog.Start()
	defer dog.Close()
	policy.Watchdog = dog.Reserve()
	specs := Specs(d.Config)
	plugins := newConfigurer(d.Log, specs)
	notifier := newNotifier(d.Log, d.Config.Timing.TTL)
	others, err := d.openPeers(policy)
	if err != nil {
		return err
	}
	defer others.Close()
	l := d.newLoop(policy, plugins.host, store, dog, others, notifier)
	server, err := d.openAPI(ctx, l, notifier)
	if err != nil {
		return err
	}
	defer closeAPI(server)
	if err := missing(specs); err != nil {
		return err
	}
	if err := plugins.host.Open(ctx); err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	defer plugins.host.Close()
	return d.serve(ctx, l, &reloader{d, plugins, l, dog, notifier})
}

func (d *Daemon) openStore() (*loop.Store, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("boot id: %w", err)
	}
	return loop.OpenStore(d.Config.RunDir, d.Config.StateDir, strings.TrimSpace(string(boot)))
}

// serve configures the plugins and runs the loop.
func (d *Daemon) serve(ctx context.Context, l *loop.Loop, r *reloader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer r.plugins.wait()
	defer cancel()
	if err := d.configure(ctx, r.plugins); err != nil {
		return err
	}
	r.plugins.running.Go(func() {
		select {
		case <-d.Stop:
			r.systemd.stops()
			l.Stop()
		case <-ctx.Done():
			r.systemd.stops()
		}
	})
	r.plugins.running.Go(func() { r.obey(ctx) })
	err := l.Run(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// configure gives every plugin its body for the first time, and prints what they found.
func (d *Daemon) configure(ctx context.Context, c *configurer) error {
	diags, err := c.apply(ctx, d.Config)
	if len(diags.List) > 0 {
		if err := diags.WriteText(os.Stderr, false); err != nil {
			return err
		}
	}
	if err == nil && diags.HasErrors() {
		err = Refused(diags)
	}
	return err
}

func (d *Daemon) newLoop(policy core.Policy, host *pluginhost.Host, store *loop.Store, dog loop.Watchdog, p *peers.Peers, n *notifier) *loop.Loop {
	policy.Self.Instance, policy.Self.Token, policy.Self.Version = store.Instance, store.Token, d.Version
	policy.Routers = len(d.Config.Routers) > 0
	return loop.New(loop.Config{
		Cluster: d.Config.Cluster.Name, Namespace: d.Config.Cluster.Namespace, Policy: policy,
		DCS: dcs{host.DCS()}, Postgres: host.Postgres(), Routers: routers(host),
		Fencer:   fencer{&deadman.Client{RunDir: d.Config.RunDir, DataDir: d.Config.Server.DataDir}},
		Watchdog: dog, Peers: p,
		Plugins:    func() []status.Plugin { return pluginStatus(host) },
		Heartbeats: func() status.Heartbeats { return heartbeats(p) },
		Clock:      bootNow, Store: store, Log: d.Log, Ticked: n.ticked,
	})
}
