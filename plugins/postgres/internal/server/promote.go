// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Promote implements the service.
func (s *Server) Promote(req *pluginv1.PromoteRequest, out stream) error {
	return s.runLong(out, func(ctx context.Context, p *progress) error {
		if err := s.epochs.Admit(req.GetEpoch()); err != nil {
			return err
		}
		c := s.current()
		i, err := open(ctx, c)
		if err != nil {
			return err
		}
		defer i.Close()
		recovering, err := i.recovering(ctx)
		if err != nil {
			return err
		}
		if !recovering {
			return s.alreadyPrimary(ctx, i, req)
		}
		return s.promote(ctx, i, req, p)
	})
}

// alreadyPrimary is for a call done again.
func (s *Server) alreadyPrimary(ctx context.Context, i *instance, req *pluginv1.PromoteRequest) error {
	tli, err := primaryTimeline(ctx, i)
	if err != nil {
		return err
	}
	if tli <= req.GetMinTimeline() {
		return refused("PostgreSQL is a primary on timeline %d, which is not greater than %d", tli, req.GetMinTimeline())
	}
	return s.prime(ctx, i, req, req.GetSynchronousStandbyNames())
}

// settleLimit is how long the proof before a promotion may take.
const settleLimit = 10 * time.Second

// prime gives a server what it needs before it may open: slots, and synchronous_standby_names in force everywhere.
func (s *Server) prime(ctx context.Context, i *instance, req *pluginv1.PromoteRequest, names string) error {
	limited, cancel := context.WithTimeoutCause(ctx, settleLimit, refused("synchronous_standby_names is not proven to be in force"))
	defer cancel()
	return s.apply(limited, i, applied{
		members: req.GetMembers(), syncNames: names, settle: true, detach: true,
	})
}

func (s *Server) promote(ctx context.Context, i *instance, req *pluginv1.PromoteRequest, p *progress) error {
	p.phase("preparing", "")
	holds, err := s.beforeOpening(ctx, i, req)
	if err != nil {
		return err
	}
	if err := s.reserve(ctx, i, req.GetMinTimeline()); err != nil {
		return err
	}
	p.phase("promoting", "")
	if _, err := i.conn.Row(ctx, "SELECT pg_promote(false)"); err != nil {
		return err
	}
	err = poll(ctx, time.Millisecond, func() (bool, error) {
		recovering, err := i.recovering(ctx)
		return !recovering, err
	})
	if err == nil {
		err = s.opened(ctx, i)
	}
	if err == nil && holds {
		err = s.prime(ctx, i, req, req.GetSynchronousStandbyNames())
	}
	if err != nil {
		return err
	}
	return s.confirm(ctx, i, req.GetMinTimeline())
}

// opened moves the barrier of what was settled before the promotion to where the primary begins.
func (s *Server) opened(ctx context.Context, i *instance) error {
	s.mu.Lock()
	k, changes := s.settled.of(i.server), s.settled.changes
	s.mu.Unlock()
	if k == nil {
		return nil
	}
	return s.settleHere(ctx, i, k.names, changes)
}

// confirm looks at the timeline PostgreSQL chose.
func (s *Server) confirm(ctx context.Context, i *instance, least uint32) error {
	tli, err := primaryTimeline(ctx, i)
	if err == nil && tli <= least {
		return refused("PostgreSQL was promoted to timeline %d, which is not greater than %d", tli, least)
	}
	return err
}

func primaryTimeline(ctx context.Context, i *instance) (uint32, error) {
	row, err := i.conn.Row(ctx, "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(row[0], 16, 32)
	return uint32(n), err
}

// reserve makes PostgreSQL choose a timeline greater than least. It takes the one after the newest for
// which it finds a history file, counting up from its own without a gap; so the numbers in between get
// files without content, which name no ancestor and are followed by nobody.
func (s *Server) reserve(ctx context.Context, i *instance, least uint32) error {
	if least == 0 {
		return nil
	}
	row, err := i.conn.Row(ctx, "SELECT greatest((pg_control_checkpoint()).timeline_id, (pg_control_recovery()).min_recovery_end_timeline)")
	if err != nil {
		return err
	}
	current, err := strconv.ParseUint(row[0], 10, 32)
	if err != nil {
		return err
	}
	return reserveTimelines(i.c, uint32(current), least)
}

// checkpoint asks for a checkpoint.
func checkpoint(ctx context.Context, c *config.Config) error {
	i, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer i.Close()
	_, err = i.conn.Query(ctx, "CHECKPOINT")
	return err
}
