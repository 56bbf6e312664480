// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// retryPause keeps what failed at once from being tried again at once.
const retryPause = 100 * time.Millisecond

// commit sends one transaction, unless one of its purpose is under way, or has ended and the core does not know yet:
// what was decided without knowing would fail at its compare, and look like somebody else's write.
func (l *Loop) commit(ctx context.Context, c *core.Commit) {
	done := core.Committed{Purpose: c.Purpose, Leader: c.Leader(), Cohort: c.Cohort()}
	if !l.inbox.fly(c.Purpose) {
		return
	}
	l.lanes.start(func() {
		a := l.transact(ctx, c.Compares, c.Writes)
		done.Outcome, done.Conflict, done.Revision, done.Message = a.Outcome, a.Conflict, a.Revision, a.Message
		if done.Outcome == core.OutcomeDone {
			l.inbox.post(func(in *inbox) { in.answer(done); in.land(c.Purpose) })
			return
		}
		l.Log.Debug("commit not applied", "purpose", c.Purpose, "outcome", done.Outcome, "conflict", done.Conflict, "message", done.Message)
		l.inbox.post(func(in *inbox) { in.answer(done) })
		l.reader.ask()
		pause(ctx, retryPause)
		l.inbox.post(func(in *inbox) { in.land(c.Purpose) })
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
	sent := l.Clock()
	a := l.DCS.Commit(ctx, full, kvs)
	if a.Outcome == core.OutcomeDone || a.Conflict {
		l.calls.add(l.Clock().Sub(sent))
	}
	return a
}
