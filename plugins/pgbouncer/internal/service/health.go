// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

// healthBound leaves time to say which console does not answer.
const healthBound = sdk.HealthBound - 200*time.Millisecond

// Health asks every PgBouncer how it is, and whether a pause could work now.
func (r *Router) Health(ctx context.Context) (bool, string) {
	ctx, cancel := context.WithTimeout(ctx, healthBound)
	defer cancel()
	s := r.state()
	var problems []string
	for _, err := range each(s.instances, func(i *instance) error { return s.check(ctx, i) }) {
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	if len(problems) > 0 {
		return false, strings.Join(problems, "; ")
	}
	return true, fmt.Sprintf("PgBouncers that answer and can be paused: %d", len(s.instances))
}

// check tells what is wrong with a PgBouncer, or would be when a pause is asked for.
func (s state) check(ctx context.Context, i *instance) error {
	if fault := i.fault.Load(); fault != nil {
		return *fault
	}
	pools, err := i.console.Query(ctx, "SHOW POOLS")
	if err != nil {
		return err
	}
	sessions := describe(pools, func(pool console.Row) bool { return pool["pool_mode"] == "session" && s.pauses(pool["database"]) })
	if s.examine && s.body.File != nil {
		if err := s.included(ctx, i); err != nil {
			return err
		}
	}
	if sessions != "" {
		return fmt.Errorf("console %q: %s: a pause would have to wait until they end: set pool_mode = transaction, "+
			"or leave the database out of databases", i.console.Name, sessions)
	}
	return nil
}

// pauses tells whether a database is one that Pause is about.
func (s state) pauses(database string) bool {
	return len(s.body.Databases) == 0 || slices.Contains(s.body.Databases, database)
}

// busy tells what keeps a target from settling.
func (t *target) busy(ctx context.Context) string {
	pools, err := t.console.Query(ctx, "SHOW POOLS")
	if err != nil {
		return "no answer"
	}
	what := describe(pools, func(pool console.Row) bool { return t.Database == "" || t.Database == pool["database"] })
	if what == "" {
		return "it has settled only now"
	}
	return what
}

// describe lists the pools that match and have connections to the server in use.
func describe(pools []console.Row, match func(console.Row) bool) string {
	var out []string
	for _, p := range pools {
		if p["sv_active"] != "0" && p["database"] != "pgbouncer" && match(p) {
			out = append(out, fmt.Sprintf("database %q, user %q: %s in use in pool_mode %s",
				p["database"], p["user"], p["sv_active"], p["pool_mode"]))
		}
	}
	return strings.Join(out, ", ")
}
