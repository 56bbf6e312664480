// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// retryPause keeps what failed at once from being tried again at once.
const retryPause = 100 * time.Millisecond

// commit sends one transaction, unless its lane is taken: the core will ask again.
func (l *Loop) commit(ctx context.Context, c *core.Commit) {
	l.lanes.try("commit "+string(c.Purpose), func() {
		done := core.Committed{Purpose: c.Purpose, Leader: c.Leader(), SentAt: l.Clock()}
		a := l.transact(ctx, c.Compares, c.Writes)
		done.Outcome, done.Conflict, done.Revision, done.Message = a.Outcome, a.Conflict, a.Revision, a.Message
		l.inbox.post(func(in *inbox) { in.o.Committed = append(in.o.Committed, done) })
		if done.Outcome != core.OutcomeDone {
			l.Log.Debug("commit not applied", "purpose", c.Purpose, "outcome", done.Outcome, "conflict", done.Conflict, "message", done.Message)
			l.reader.ask()
			pause(ctx, retryPause)
		}
	})
}

// transact encodes and sends a transaction, with its own patience.
func (l *Loop) transact(ctx context.Context, compares []core.Compare, writes []core.Write) Answer {
	kvs, err := encodeWrites(l.reader.prefix, writes)
	if err != nil {
		return Answer{Outcome: core.OutcomeRefused, Message: err.Error()}
	}
	full := make([]core.Compare, len(compares))
	for i, c := range compares {
		full[i] = core.Compare{Key: l.reader.prefix + c.Key, Rev: c.Rev}
	}
	ctx, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	return l.DCS.Commit(ctx, full, kvs)
}
