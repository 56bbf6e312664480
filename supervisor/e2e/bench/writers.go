// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// writers are one client that goes to whichever node is the primary, and whose gaps count, and one on the host of the present
// primary that stays there, to see whether it acknowledges anything when it has been replaced.
type writers struct {
	book           *ledger.Ledger
	client, guests *ledger.Writer
}

func startWriters(ctx context.Context, config *pgx.ConnConfig, primary *lab.Node) (*writers, error) {
	local, err := primary.LocalConfig()
	if err != nil {
		return nil, err
	}
	w := &writers{book: ledger.New(1, nil)}
	w.client = &ledger.Writer{Config: config, Ledger: w.book, Timeout: 500 * time.Millisecond, Retry: 20 * time.Millisecond}
	if err := w.client.Start(ctx); err != nil {
		return nil, err
	}
	w.guests = &ledger.Writer{Config: local, Ledger: w.book, Pause: 10 * time.Millisecond, Timeout: 10 * time.Second, Retry: 100 * time.Millisecond}
	w.guests.Join(ctx, 1)
	return w, nil
}

func (w *writers) stop() error { return errors.Join(w.guests.Stop(), w.client.Stop()) }
