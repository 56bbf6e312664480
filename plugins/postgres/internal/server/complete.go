// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"strconv"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// complete lets a standby at rest be promoted that was cut off while it received anew what it had replayed.
func (i *instance) complete(ctx context.Context, look detached) error {
	if look.received == 0 || look.received >= look.replayed {
		return nil
	}
	row, err := i.conn.Row(ctx, "SELECT pg_size_bytes(current_setting('wal_segment_size'))")
	if err != nil {
		return err
	}
	size, err := strconv.ParseUint(row[0], 10, 64)
	if err != nil {
		return err
	}
	dir := i.c.WAL()
	return wal.Complete(dir, size, wal.Newest(dir, look.replayed, size), look.received, look.replayed)
}
