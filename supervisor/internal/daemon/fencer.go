// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

// fencer is the launcher's client in the loop's words.
type fencer struct{ *deadman.Client }

// Arm implements loop.Fencer.
func (f fencer) Arm(ctx context.Context, until core.Instant) error {
	return f.Client.Arm(ctx, int64(until))
}

// Status implements loop.Fencer.
func (f fencer) Status(ctx context.Context) (core.Deadman, error) {
	s, err := f.Client.Status(ctx)
	if err != nil {
		return core.Deadman{}, err
	}
	return core.Deadman{Present: true, ArmedUntil: core.Instant(s.ArmedUntilNs)}, nil
}

func bootNow() core.Instant { return core.Instant(deadman.BootNow()) }
