// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// openTimeout bounds Open when its context has no deadline.
const openTimeout = 30 * time.Second

// Host runs the plugins of a daemon.
type Host struct {
	log     *slog.Logger
	plugins []*Plugin

	spawner *spawner
	cancel  context.CancelFunc
	running sync.WaitGroup
	locks   []*os.File
}

// New makes a host for the plugins; nothing runs before Open.
func New(log *slog.Logger, specs ...Spec) *Host {
	h := &Host{log: log}
	for _, spec := range specs {
		h.plugins = append(h.plugins, newPlugin(spec, log))
	}
	return h
}

// Open starts all plugins, removes what an earlier supervisor left of them, and waits until every one that is
// not optional has said who it is and what its body looks like. Configure comes next. After an error nothing is
// left running. ctx bounds the waiting (30 s without a deadline) and not the life of the plugins.
func (h *Host) Open(ctx context.Context) error {
	if err := h.check(); err != nil {
		return err
	}
	h.spawner = startSpawner()
	if err := h.takeOver(ctx); err != nil {
		return errors.Join(err, h.Close())
	}
	life, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	for _, p := range h.plugins {
		p.spawner = h.spawner
		h.running.Go(func() { p.supervise(life) })
	}
	if err := h.await(ctx); err != nil {
		return errors.Join(err, h.Close())
	}
	return nil
}

// Close stops all plugins and waits until they are gone. What they supervise for others is left running.
func (h *Host) Close() error {
	if h.cancel != nil {
		h.cancel()
	}
	h.running.Wait()
	if h.spawner != nil {
		h.spawner.close()
		h.spawner = nil
	}
	var errs []error
	for _, lock := range h.locks {
		errs = append(errs, lock.Close())
	}
	h.locks = nil
	return errors.Join(errs...)
}

// Plugins lists all plugins in the order of their specs.
func (h *Host) Plugins() []*Plugin { return slices.Clone(h.plugins) }

// Plugin finds a plugin by name; nil if there is none.
func (h *Host) Plugin(name string) *Plugin {
	for _, p := range h.plugins {
		if p.spec.Name == name {
			return p
		}
	}
	return nil
}

// Status lists the state of all plugins in the order of their specs.
func (h *Host) Status() []Status {
	list := make([]Status, len(h.plugins))
	for i, p := range h.plugins {
		list[i] = p.Status()
	}
	return list
}

func (h *Host) check() error {
	var errs []error
	seen := map[string]bool{}
	for _, p := range h.plugins {
		errs = append(errs, p.spec.check())
		if seen[p.spec.Name] {
			errs = append(errs, fmt.Errorf("two plugins are called %q", p.spec.Name))
		}
		seen[p.spec.Name] = true
	}
	return errors.Join(errs...)
}

// lock takes every run directory once.
func (h *Host) lock(ctx context.Context) error {
	taken := map[string]bool{}
	for _, p := range h.plugins {
		if taken[p.spec.RunDir] {
			continue
		}
		taken[p.spec.RunDir] = true
		f, err := lockDirectory(ctx, p.spec.RunDir)
		if err != nil {
			return err
		}
		h.locks = append(h.locks, f)
	}
	return nil
}

// takeOver sweeps only what the locks say is nobody's.
func (h *Host) takeOver(ctx context.Context) error {
	if err := h.lock(ctx); err != nil {
		return err
	}
	return h.sweep()
}

// sweep ends what is left of the plugins of a host that was killed.
func (h *Host) sweep() error {
	for _, p := range h.plugins {
		pgid, err := sweepGroup(p.spec.socketDir())
		if err != nil {
			return err
		}
		if pgid != 0 {
			h.log.Warn("leftover processes of plugin killed", "plugin", p.spec.Name, "process_group", pgid)
		}
	}
	return nil
}

// await waits for the plugins that are not optional.
func (h *Host) await(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, openTimeout)
		defer cancel()
	}
	errs := make([]error, len(h.plugins))
	var waiting sync.WaitGroup
	for i, p := range h.plugins {
		if !p.spec.Optional {
			waiting.Go(func() { errs[i] = p.Ready(ctx) })
		}
	}
	waiting.Wait()
	return errors.Join(errs...)
}
