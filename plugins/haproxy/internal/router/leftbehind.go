// SPDX-License-Identifier: Apache-2.0

package router

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
)

// cutLeftBehind ends the sessions that steps cut also in processes that reloads left behind: the admin socket
// leads to the newest only. What fails, as it does during a reload, is owed.
func (i *instance) cutLeftBehind(ctx context.Context, o order, steps []step) error {
	for _, s := range steps {
		if s.cut && !s.wish.up {
			i.uncut[s.server.String()] = true
		} else {
			delete(i.uncut, s.server.String())
		}
	}
	if len(i.uncut) == 0 {
		return nil
	}
	if err := o.cutLeftBehind(ctx, slices.Sorted(maps.Keys(i.uncut))); err != nil {
		i.owed = true
		return err
	}
	clear(i.uncut)
	return nil
}

// cutLeftBehind ends the sessions of servers behind all master sockets. Without servers it only tries.
func (o order) cutLeftBehind(ctx context.Context, servers []string) error {
	var failed error
	for _, path := range o.body.MasterSockets {
		failed = errors.Join(failed, admin.Master(path).CutLeftBehind(ctx, servers))
	}
	return failed
}
