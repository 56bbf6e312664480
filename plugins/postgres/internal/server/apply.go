// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Apply implements the service. Without a running server it writes the files.
func (s *Server) Apply(ctx context.Context, req *pluginv1.ApplyRequest) (*pluginv1.ApplyResponse, error) {
	if err := s.epochs.Admit(req.GetEpoch()); err != nil {
		return nil, err
	}
	if strings.ContainsAny(req.GetSynchronousStandbyNames(), "\x00\n\r") {
		return nil, invalid("synchronous_standby_names must be one line")
	}
	c := s.current()
	_, running, err := datadir.FindPostmaster(c.DataDir)
	if err != nil {
		return nil, toStatus(err)
	}
	if !running {
		return nil, refused("PostgreSQL is not running")
	}
	i, err := open(ctx, c)
	if err != nil {
		return nil, toStatus(err)
	}
	defer i.Close()
	err = s.apply(ctx, i, applied{members: req.GetMembers(), syncNames: req.GetSynchronousStandbyNames(), settle: req.GetSettle()})
	if err != nil {
		return nil, toStatus(err)
	}
	s.observer.Recheck()
	return &pluginv1.ApplyResponse{DoneAtBoottimeNs: s.observer.Settle()}, nil
}

// applied is what apply brings about.
type applied struct {
	members   []string
	syncNames string
	// settle is whether syncNames is to be proven in force everywhere.
	settle bool
	// detach is whether the upstream goes, too.
	detach bool
}

// apply brings files, settings and slots in line.
func (s *Server) apply(ctx context.Context, i *instance, a applied) error {
	if err := s.adopt(ctx, i); err != nil {
		return err
	}
	v, err := i.inForce(ctx)
	if err != nil {
		return err
	}
	before := s.settledOf(i.server, v.syncNames)
	done := before != nil && before.names == a.syncNames
	var changes uint64
	if !done {
		changes = s.unsettle()
	}
	if v.syncNames == held && v.startup == 0 {
		if err := i.release(ctx); err != nil {
			return err
		}
	}
	wanted := slotNames(a.members)
	_, err = s.change(i.c, func(in *conf.Intent) {
		in.SyncNames = a.syncNames
		in.Slots = union(in.Slots, wanted)
		if a.detach {
			in.Upstream = nil
		}
	})
	if err != nil {
		return err
	}
	if err := i.refresh(ctx, source{s}.Intent()); err != nil {
		return err
	}
	switch {
	case a.settle && !done:
		err = s.settle(ctx, i, before, changes)
	case a.settle && before.barrier == 0:
		err = s.opened(ctx, i)
	}
	if err != nil {
		return err
	}
	return s.slots(ctx, i, wanted)
}

func slotNames(members []string) []string {
	var out []string
	for _, m := range members {
		out = append(out, conf.SlotName(m))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func union(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// slots makes the wanted slots and drops the others of pgvigil's that nobody uses. One that is still in
// use stays pgvigil's, and goes another time; one that lost its log is made anew.
func (s *Server) slots(ctx context.Context, i *instance, wanted []string) error {
	sets, err := i.conn.Query(ctx, "SELECT slot_name, active, coalesce(wal_status, '') FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary")
	if err != nil {
		return err
	}
	owned := source{s}.Intent().Slots
	have := map[string]bool{}
	for _, row := range sets[0] {
		name, active, lost := row[0], row[1] == "t", row[2] == "lost"
		have[name] = true
		drop := slices.Contains(owned, name) && !active && (lost || !slices.Contains(wanted, name))
		if drop {
			have[name] = false
			if _, err := i.conn.Query(ctx, "SELECT pg_drop_replication_slot("+session.Literal(name)+")"); err != nil {
				return err
			}
		}
	}
	for _, name := range wanted {
		if have[name] {
			continue
		}
		if _, err := i.conn.Query(ctx, "SELECT pg_create_physical_replication_slot("+session.Literal(name)+", true)"); err != nil {
			return err
		}
	}
	return s.disown(i, wanted, have)
}

// disown forgets slots that are gone.
func (s *Server) disown(i *instance, wanted []string, have map[string]bool) error {
	in := source{s}.Intent()
	keep := slices.DeleteFunc(slices.Clone(in.Slots), func(n string) bool { return !slices.Contains(wanted, n) && !have[n] })
	if len(keep) == len(in.Slots) {
		return nil
	}
	_, err := s.change(i.c, func(in *conf.Intent) { in.Slots = keep })
	return err
}
