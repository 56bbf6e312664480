// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

const (
	// choreEvery is how often a standby's slots are moved on.
	choreEvery = 10 * time.Second
	// slotSlack is how much log a standby's slots may hold back, in bytes.
	slotSlack = 64 << 20
)

// chores does what has no call of its own, until ctx ends: the checkpoint after a promotion, also when the
// plugin was restarted in between; keeping a detached standby detached; and moving a standby's slots on, which nobody reads
// from and which would otherwise keep its log for good.
func (s *Server) chores(ctx context.Context) {
	var opened int32 // PID of the last server that was seen to be a primary
	moved := time.Now()
	for {
		last, changed := s.observer.Last()
		if last != nil && last.State.GetStatus() == pluginv1.Status_STATUS_RUNNING {
			st := last.State
			if st.GetRole() == pluginv1.Role_ROLE_PRIMARY && st.GetPostmasterPid() != opened {
				opened = st.GetPostmasterPid()
				s.markPrimary()
				if !st.GetCheckpointed() {
					s.wait.Go(func() { s.checkpointAfterPromotion(ctx) })
				}
			}
			if st.GetRole() == pluginv1.Role_ROLE_STANDBY && st.GetUpstream() != "" && (source{s}).Intent().Upstream == nil {
				s.keepDetached()
			}
			if st.GetRole() == pluginv1.Role_ROLE_STANDBY && len(st.GetSlots()) > 0 && time.Since(moved) > choreEvery {
				moved = time.Now()
				s.moveSlots(ctx, st.GetSlots())
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// keepDetached takes back what somebody else, by ALTER SYSTEM, made of a standby that is to follow nobody. The supervisor has
// seen it follow, too.
func (s *Server) keepDetached() {
	c := s.current()
	changed, err := s.change(c, func(*conf.Intent) {})
	if err == nil && changed {
		s.log.Warn("upstream of a detached standby was set by somebody else, and is taken back")
		err = hangUp(c)
	}
	if err != nil {
		s.log.Warn("standby could not be kept detached", "error", err)
	}
	s.observer.Wake()
}

// markPrimary marks the data directory as a primary's. A backup_label that a clone or a rewind put there is used up by then.
func (s *Server) markPrimary() {
	err := errors.Join(datadir.Promoted.Set(s.current(), s.current().DataDir), datadir.Labelled.Clear(s.current()))
	if err != nil {
		s.log.Warn("data directory of a primary not marked", "error", err)
	}
}

func (s *Server) checkpointAfterPromotion(ctx context.Context) {
	if err := checkpoint(ctx, s.current()); err != nil {
		s.log.Warn("checkpoint after the promotion failed", "error", err)
	}
	s.observer.Wake()
}

func (s *Server) moveSlots(ctx context.Context, names []string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	i, err := open(ctx, s.current())
	if err != nil {
		return // the next round tries again
	}
	defer i.Close()
	var list []string
	for _, n := range names {
		list = append(list, session.Literal(n))
	}
	_, err = i.conn.Query(ctx, `SELECT pg_replication_slot_advance(slot_name, pg_last_wal_replay_lsn())
 FROM pg_replication_slots WHERE slot_name IN (`+strings.Join(list, ", ")+`) AND NOT active AND pg_is_in_recovery()
 AND pg_wal_lsn_diff(pg_last_wal_replay_lsn(), restart_lsn) > `+strconv.Itoa(slotSlack))
	if err != nil {
		s.log.Warn("slots of a standby could not be moved on", "error", err)
	}
}
