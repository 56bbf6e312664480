// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Digest stands for the rows of one server: equal digests mean equal rows.
type Digest struct {
	Rows int64
	Sum  string
}

// ReadDigest reads the rows of a server.
func ReadDigest(ctx context.Context, conn *pgx.Conn) (Digest, error) {
	var d Digest
	err := conn.QueryRow(ctx, "select count(*), coalesce(sum(hashtextextended(client || '/' || seq, 0)::numeric), 0)::text from "+
		Table).Scan(&d.Rows, &d.Sum)
	return d, err
}

// Position is how far a primary has written its WAL.
func Position(ctx context.Context, primary *pgx.Conn) (string, error) {
	var lsn string
	err := primary.QueryRow(ctx, "select pg_current_wal_lsn()::text").Scan(&lsn)
	return lsn, err
}

// AwaitReplay waits until a standby has replayed a position.
func AwaitReplay(ctx context.Context, standby *pgx.Conn, lsn string) error {
	for {
		var done bool
		err := standby.QueryRow(ctx, "select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)", lsn).Scan(&done)
		if err != nil {
			return fmt.Errorf("replay up to %s: %w", lsn, err)
		}
		if done {
			return nil
		}
		rest(ctx, 10*time.Millisecond)
	}
}
