// SPDX-License-Identifier: Apache-2.0

package rewind

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// source is what the primary says of itself.
type source struct {
	systemID uint64
	timeline uint32
	history  wal.History
	flushed  wal.LSN
}

// askSource asks over the replication protocol, which needs no more than the replication role.
func askSource(ctx context.Context, c *config.Config, p conf.Peer) (source, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := session.Replication(ctx, c, p)
	if err != nil {
		return source{}, err
	}
	defer conn.Close()
	row, err := conn.Row(ctx, "IDENTIFY_SYSTEM")
	if err != nil {
		return source{}, err
	}
	s, err := parseIdentity(row)
	if err != nil || s.timeline == 1 {
		return s, err
	}
	row, err = conn.Row(ctx, fmt.Sprintf("TIMELINE_HISTORY %d", s.timeline))
	if err != nil {
		return source{}, err
	}
	if len(row) != 2 {
		return source{}, errors.New("timeline history of the source: unexpected answer")
	}
	s.history, err = wal.ParseHistory(row[1])
	return s, err
}

func parseIdentity(row []string) (source, error) {
	if len(row) < 3 {
		return source{}, errors.New("identity of the source: unexpected answer")
	}
	id, err := strconv.ParseUint(row[0], 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("system identifier of the source: %w", err)
	}
	tli, err := strconv.ParseUint(row[1], 10, 32)
	if err != nil {
		return source{}, fmt.Errorf("timeline of the source: %w", err)
	}
	lsn, err := wal.ParseLSN(row[2])
	return source{systemID: id, timeline: uint32(tli), flushed: lsn}, err
}

// awaitCheckpoint waits until the source is a primary whose pg_control, which pg_rewind reads, shows its
// timeline.
func awaitCheckpoint(ctx context.Context, conn *session.Conn, timeline uint32) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		row, err := conn.Row(ctx, "SELECT pg_is_in_recovery(), timeline_id FROM pg_control_checkpoint()")
		if err != nil {
			return err
		}
		if row[0] == "t" {
			return fmt.Errorf("%w: source is not a primary", ErrNotNow)
		}
		if row[1] == strconv.FormatUint(uint64(timeline), 10) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("checkpoint of the source: %w", context.Cause(ctx))
		}
	}
}
