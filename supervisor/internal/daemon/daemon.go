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
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Daemon is one supervisor.
type Daemon struct {
	Config  *config.Config
	Version string
	Log     *slog.Logger
	// Stop ends the daemon together with PostgreSQL when it is closed, after handing the leadership over.
	Stop <-chan struct{}
}

// ErrConfig is wrapped by the error of Run when a plugin refused its configuration; the diagnostics were written
// to standard error.
var ErrConfig = errors.New("configuration refused")

// Run works until Stop was obeyed, or ctx ends: then PostgreSQL and the leadership are left for the next process.
func (d *Daemon) Run(ctx context.Context) error {
	if err := d.directories(); err != nil {
		return err
	}
	store, err := d.openStore()
	if err != nil {
		return err
	}
	defer store.Close()
	host := pluginhost.New(d.Log, Specs(d.Config)...)
	if err := host.Open(ctx); err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	defer host.Close()
	if err := d.configurePlugins(ctx, host); err != nil {
		return err
	}
	return d.serve(ctx, host, store)
}

// directories makes the run and state directories.
func (d *Daemon) directories() error {
	for _, dir := range []string{d.Config.RunDir, d.Config.StateDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("directory: %w", err)
		}
	}
	return nil
}

func (d *Daemon) openStore() (*loop.Store, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("boot id: %w", err)
	}
	return loop.OpenStore(d.Config.RunDir, d.Config.StateDir, strings.TrimSpace(string(boot)))
}

func (d *Daemon) configurePlugins(ctx context.Context, host *pluginhost.Host) error {
	diags, err := configure(ctx, d.Config, host)
	if diags != nil && len(diags.List) > 0 {
		if err := diags.WriteText(os.Stderr, false); err != nil {
			return err
		}
	}
	if err == nil && diags.HasErrors() {
		err = ErrConfig
	}
	return err
}

// serve runs the loop and the REST interface until one of them ends.
func (d *Daemon) serve(ctx context.Context, host *pluginhost.Host, store *loop.Store) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	policy := d.Config.Policy()
	dog := newWatchdog(d.Config.Watchdog, policy.RenewEvery(), d.Log)
	dog.Start()
	defer dog.Close()
	policy.Watchdog = dog.Reserve()
	l := d.newLoop(policy, host, store, dog)
	server, err := d.newAPI(l)
	if err != nil {
		return err
	}
	if err := server.Open(ctx); err != nil {
		return err
	}
	defer func() {
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		server.Close(short)
	}()
	go func() {
		select {
		case <-d.Stop:
			l.Stop()
		case <-ctx.Done():
		}
	}()
	err = l.Run(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (d *Daemon) newLoop(policy core.Policy, host *pluginhost.Host, store *loop.Store, dog loop.Watchdog) *loop.Loop {
	policy.Self.Instance, policy.Self.Token, policy.Self.Version = store.Instance, store.Token, d.Version
	policy.Routers = len(d.Config.Routers) > 0
	notifier := newNotifier(d.Log)
	return loop.New(loop.Config{
		Cluster: d.Config.Cluster.Name, Namespace: d.Config.Cluster.Namespace, Policy: policy,
		DCS: dcs{host.DCS()}, Postgres: host.Postgres(), Routers: routers(host),
		Fencer:   fencer{&deadman.Client{RunDir: d.Config.RunDir}},
		Watchdog: dog,
		Plugins:  func() []status.Plugin { return pluginStatus(host) },
		Clock:    bootNow, Store: store, Log: d.Log, Ticked: notifier.ticked,
	})
}

func (d *Daemon) newAPI(l *loop.Loop) (*api.Server, error) {
	c := d.Config.API
	out := api.Config{
		Listen: c.Listen, Source: l, Operator: l, MaximumLag: d.Config.MaximumLagOnFailover, Log: d.Log, Now: bootNow,
	}
	if c.Auth != nil {
		out.Auth.Username = c.Auth.Username
		out.Auth.Password = func() (string, error) {
			p, err := c.Auth.ReadPassword()
			return string(p), err
		}
	}
	if c.TLS != nil {
		out.TLS = &api.TLS{CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, ClientCAFile: c.TLS.CAFile, Verify: api.Verify(c.TLS.VerifyClient)}
		out.Auth.Verify = out.TLS.Verify
	}
	return api.New(out), nil
}
