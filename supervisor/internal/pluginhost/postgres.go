// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const (
	// observeSlack is how much later than its interval a report may come.
	observeSlack = 5 * time.Second
	// progressSilence bounds the time between two reports of a long call, which should come every second.
	progressSilence = 30 * time.Second
	// shortCall bounds the calls without progress when their caller does not.
	shortCall = 30 * time.Second
)

// Postgres is the typed client of the PostgreSQL plugin.
type Postgres struct{ plugin *Plugin }

// Postgres is the host's PostgreSQL plugin; nil if it has none.
func (h *Host) Postgres() *Postgres {
	for _, p := range h.plugins {
		if p.spec.Kind == KindPostgres {
			return &Postgres{p}
		}
	}
	return nil
}

// Observe calls seen with the state of the instance: at once, whenever it changes, and at least every interval.
// At is when the plugin says the state was sampled, 0 when it does not. It blocks until the stream ends, which is
// always an error.
func (p *Postgres) Observe(ctx context.Context, interval core.Span, seen func(core.Postgres)) error {
	s, err := p.plugin.ready()
	if err != nil {
		return err
	}
	v := s.keepVigil(ctx, time.Duration(interval)+observeSlack)
	defer v.end()
	stream, err := pluginv1.NewPostgresClient(s.conn).Observe(v, &pluginv1.ObserveRequest{IntervalNs: int64(interval)})
	for err == nil {
		var answer *pluginv1.ObserveResponse
		var state core.Postgres
		if answer, err = stream.Recv(); err == nil {
			v.heard()
			state, err = postgresFromWire(answer)
		}
		if err == nil {
			seen(state)
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("plugin ended it")
	}
	return fmt.Errorf("observation by plugin %s: %w", p.plugin.spec.Name, v.because(err))
}

// Do carries out one of core.PostgresActions, and calls progress while a long one runs. It blocks until the
// action has ended. Since of the progress is left 0. At of the result is when the plugin says its work ended, 0 when
// it does not.
func (p *Postgres) Do(ctx context.Context, a core.Action, progress func(core.Job)) core.Finished {
	finished := core.Finished{Kind: a.Kind, Epoch: a.Epoch, Outcome: core.OutcomeRefused}
	call, err := callFor(a)
	if err != nil {
		finished.Message = err.Error()
		return finished
	}
	s, err := p.plugin.ready()
	if err != nil {
		finished.Message = err.Error()
		return finished
	}
	r := call(ctx, s, a, progress)
	finished.Outcome, finished.Hopeless = judge(r.err, r.trailer)
	finished.Message, finished.At = r.note, r.doneAt
	if r.err != nil {
		finished.Message = message(r.err)
	}
	return finished
}
