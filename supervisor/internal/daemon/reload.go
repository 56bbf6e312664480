// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// reloader is what a running supervisor can be given anew.
type reloader struct {
	*Daemon
	plugins *configurer
	loop    interface {
		SetPolicy(p core.Policy)
		Reapply()
	}
	dog interface {
		Retime(timeout, renewEvery time.Duration) (reserve core.Span)
	}
	systemd *notifier
}

// obey carries out reloads, from the loop's first tick on.
func (r *reloader) obey(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-r.systemd.started:
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.Reload:
			r.systemd.reloading()
			r.reload(ctx)
			r.systemd.reloaded()
		}
	}
}

// reload reads the configuration again and brings in force what can be without a restart. With any error the one in
// force stays.
func (r *reloader) reload(ctx context.Context) {
	fresh, diags := r.Load()
	if fresh != nil {
		_, found := fresh.ReadSecret()
		diags.Merge(found)
	}
	var err error
	if !diags.HasErrors() {
		var found *config.Diagnostics
		found, err = r.plugins.apply(ctx, fresh)
		diags.Merge(found)
	}
	if len(diags.List) > 0 {
		err = errors.Join(err, diags.WriteText(os.Stderr, false))
	}
	if err = errors.Join(err, diags.Err()); err != nil {
		r.Log.Error("configuration not reloaded, the one in force stays", "error", err)
		return
	}
	if r.Level != nil {
		r.Level.Set(fresh.Log.Level)
	}
	policy := fresh.Policy()
	policy.Watchdog = r.dog.Retime(fresh.Watchdog.Timeout, time.Duration(policy.RenewEvery()))
	r.systemd.pace(fresh.Timing.TTL)
	r.loop.SetPolicy(policy)
	r.loop.Reapply()
	r.Log.Info("configuration reloaded")
	if names := needRestart(r.Config, fresh); len(names) > 0 {
		r.Log.Warn("some of what changed needs a restart of the supervisor, PostgreSQL runs on meanwhile", "changed", strings.Join(names, ", "))
	}
}
