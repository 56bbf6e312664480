// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Submit implements status.Operator.
func (l *Loop) Submit(ctx context.Context, r status.Request) (core.Operation, error) {
	snap := l.Snapshot()
	if snap == nil || snap.View == nil {
		return core.Operation{}, errors.New("the DCS has not been read yet")
	}
	switch r.Kind {
	case status.Pause, status.Resume:
		return core.Operation{}, l.setPaused(ctx, snap.View, r.Kind == status.Pause)
	}
	op := operation(r)
	if refusal := l.admit(op); refusal != nil {
		return op, refusal
	}
	return op, l.write(ctx, core.Compare{Key: core.KeyOperation, Rev: snap.View.Operation.Rev}, op)
}

func operation(r status.Request) core.Operation {
	return core.Operation{
		ID: randomName(), Kind: core.OperationKind(r.Kind), From: r.From, To: r.To, By: r.By, Force: r.Force,
		At: time.Now().UnixNano(), State: core.Pending,
	}
}

// Foresee implements status.Operator.
func (l *Loop) Foresee(r status.Request) (core.Forecast, error) {
	s, o, p := l.lastJudged()
	forecast, refusal := core.Foresee(s, o, p, operation(r))
	if refusal != nil {
		return forecast, refusal
	}
	return forecast, nil
}

func (l *Loop) admit(op core.Operation) *core.Refusal {
	s, o, p := l.lastJudged()
	return core.Admit(s, o, p, op)
}

// lastJudged is what the last tick was decided on, as of now.
func (l *Loop) lastJudged() (core.State, core.Observation, core.Policy) {
	l.judged.Lock()
	defer l.judged.Unlock()
	o := l.judged.o
	o.Now = l.Clock()
	return l.judged.s, o, l.judged.p
}

func (l *Loop) setPaused(ctx context.Context, v *core.View, paused bool) error {
	if v.Config.Value.Paused == paused {
		return nil
	}
	c := v.Config.Value
	c.Paused = paused
	return l.write(ctx, core.Compare{Key: core.KeyConfig, Rev: v.Config.Rev}, c)
}

// write sets the key of a compare to a record.
func (l *Loop) write(ctx context.Context, c core.Compare, rec core.Record) error {
	a := l.transact(ctx, []core.Compare{c}, []core.Write{{Key: c.Key, Record: rec}})
	l.reader.ask()
	switch {
	case a.Outcome == core.OutcomeDone:
		return nil
	case a.Conflict:
		return &core.Refusal{Reason: "somebody else changed " + c.Key + " at the same time; look and try again"}
	case a.Outcome == core.OutcomeUnknown:
		return fmt.Errorf("the DCS did not confirm the request, it may still be carried out: %s", a.Message)
	}
	return fmt.Errorf("the DCS did not take the request: %s", a.Message)
}
