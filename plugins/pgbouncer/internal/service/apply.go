// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Apply leads every PgBouncer to the primary. While there is none it leaves them as they are: clients wait there.
// UNAVAILABLE: some could not be reached; the others have been led, and the next call tries again.
func (r *Router) Apply(ctx context.Context, req *pluginv1.RouterApplyRequest) (*pluginv1.RouterApplyResponse, error) {
	switch req.GetOwnRole() {
	case pluginv1.OwnRole_OWN_ROLE_PRIMARY, pluginv1.OwnRole_OWN_ROLE_STANDBY, pluginv1.OwnRole_OWN_ROLE_NONE:
	default:
		return nil, status.Errorf(codes.InvalidArgument, "own_role %d is unknown", req.GetOwnRole())
	}
	if err := r.applying.take(ctx); err != nil {
		return nil, err
	}
	defer r.applying.give()
	s := r.state()
	if err := s.epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	if req.GetPrimary() == nil {
		return &pluginv1.RouterApplyResponse{}, nil
	}
	if err := s.lead(ctx, req.GetPrimary()); err != nil {
		return nil, err
	}
	return &pluginv1.RouterApplyResponse{}, nil
}

func (s state) lead(ctx context.Context, primary *pluginv1.Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, answerBound)
	defer cancel()
	if s.body.File == nil {
		return summary(each(s.instances, func(i *instance) error { return i.reconnect(ctx, primary) }))
	}
	changed, err := s.body.File.Write(primary)
	if err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	if changed {
		for _, i := range s.instances {
			i.behind = true
		}
	}
	return summary(each(s.instances, func(i *instance) error { return i.load(ctx, s.body.File, primary) }))
}

// reconnect has connections to the server replaced, as they become free, when they were made for another primary. The
// address that PgBouncer knows leads to the new one.
func (i *instance) reconnect(ctx context.Context, primary *pluginv1.Endpoint) error {
	key := fmt.Sprintf("%s %s %d", primary.GetName(), primary.GetHost(), primary.GetPort())
	if i.primary == key {
		return nil
	}
	if _, err := i.console.Query(ctx, "RECONNECT"); err != nil {
		return err
	}
	i.primary = key
	return nil
}

// load has PgBouncer read the databases_file, unless it is seen to have done so.
func (i *instance) load(ctx context.Context, file *conf.File, primary *pluginv1.Endpoint) error {
	rows, err := i.console.Query(ctx, "SHOW DATABASES")
	if err != nil {
		return err
	}
	if i.behind || astray(rows, file, primary) != "" {
		if _, err := i.console.Query(ctx, "RELOAD"); err != nil {
			return err
		}
		if rows, err = i.console.Query(ctx, "SHOW DATABASES"); err != nil {
			return err
		}
	}
	if name := astray(rows, file, primary); name != "" {
		fault := setupError(fmt.Sprintf("console %q: database %q does not lead to the primary after RELOAD: pgbouncer.ini needs the "+
			"line %q, must not define the database itself, and must be free of errors (see PgBouncer's log)",
			i.console.Name, name, "%include "+file.Path))
		i.fault.Store(&fault)
		return fault
	}
	i.fault.Store(nil)
	i.behind = false
	return nil
}

// astray is a database of the file that does not lead to the primary; empty if there is none.
func astray(rows []console.Row, file *conf.File, primary *pluginv1.Endpoint) string {
	for _, name := range file.Names() {
		if !slices.ContainsFunc(rows, func(row console.Row) bool {
			return row["name"] == name && row["host"] == primary.GetHost() && row["port"] == strconv.Itoa(int(primary.GetPort()))
		}) {
			return name
		}
	}
	return ""
}
