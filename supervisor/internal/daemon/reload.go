// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
)

// obeyReloads carries out reloads, from the loop's first tick on.
func (d *Daemon) obeyReloads(ctx context.Context, c *configurer, l *loop.Loop, n *notifier) {
	select {
	case <-ctx.Done():
		return
	case <-n.started:
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.Reload:
			n.reloading()
			d.reload(ctx, c, l)
			n.reloaded()
		}
	}
}

// reloadable is the loop as a reload sees it.
type reloadable interface {
	SetDurability(core.Policy)
	Reapply()
}

// reload reads the configuration again and brings in force what can be without a restart. With any error the one in
// force stays.
func (d *Daemon) reload(ctx context.Context, c *configurer, l reloadable) {
	fresh, diags := d.Load()
	if fresh != nil {
		_, found := fresh.ReadSecret()
		diags.Merge(found)
	}
	var err error
	if !diags.HasErrors() {
		var found *config.Diagnostics
		found, err = c.apply(ctx, fresh)
		diags.Merge(found)
	}
	if len(diags.List) > 0 {
		err = errors.Join(err, diags.WriteText(os.Stderr, false))
	}
	if err = errors.Join(err, diags.Err()); err != nil {
		d.Log.Error("configuration not reloaded, the one in force stays", "error", err)
		return
	}
	if d.Level != nil {
		d.Level.Set(fresh.Log.Level)
	}
	l.SetDurability(fresh.Policy())
	l.Reapply()
	d.Log.Info("configuration reloaded")
	if names := needRestart(d.Config, fresh); len(names) > 0 {
		d.Log.Warn("some of what changed needs a restart of the supervisor, PostgreSQL runs on meanwhile", "changed", strings.Join(names, ", "))
	}
}
