// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

const (
	// submitWait bounds how long a request may take to be written to the DCS.
	submitWait = 5 * time.Second
	// operationWait is how long an answer waits for the end of an operation.
	operationWait = 65 * time.Second
	// operationPoll is how often the snapshot is looked at meanwhile.
	operationPoll = 20 * time.Millisecond
)

// pending is the operation under way, nil when there is none.
func (v *view) pending() *Operation {
	if op := v.operation(); op != nil && op.State == string(core.Pending) {
		return op
	}
	return nil
}

// operate submits a request and answers when it has ended, or at once if wait=false. A failure f found before ends it.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, f *failure, request status.Request) {
	wait, bad := parseWait(r)
	if f == nil {
		f = bad
	}
	if f != nil {
		f.write(w)
		return
	}
	request.By = caller(r)
	op, f := s.submit(r.Context(), request)
	switch {
	case f != nil:
		f.write(w)
	case !wait:
		writeJSON(w, http.StatusAccepted, Accepted{Version, op.Kind + " accepted", op})
	default:
		s.await(w, r, op)
	}
}

func parseWait(r *http.Request) (bool, *failure) {
	switch wait := r.URL.Query().Get("wait"); wait {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, badRequest("wait: %q is not one of true, false", clip(wait))
	}
}

// submit hands a request to the loop. One at a time; a loop that does not answer costs the caller submitWait and
// nobody else anything.
func (s *Server) submit(ctx context.Context, request status.Request) (*Operation, *failure) {
	v := s.current()
	if v == nil {
		return nil, &failure{code: http.StatusServiceUnavailable, reason: "the supervisor has just started and has observed nothing yet"}
	}
	isOperation := request.Kind != status.Pause && request.Kind != status.Resume
	if op := v.pending(); op != nil && isOperation {
		return nil, &failure{http.StatusConflict, fmt.Sprintf("%s %s is under way", op.Kind, op.ID), op}
	}
	select {
	case s.lane <- struct{}{}:
	default:
		return nil, &failure{code: http.StatusConflict, reason: "another request is being written to the DCS"}
	}
	return s.submitAlone(ctx, request)
}

type submitted struct {
	operation core.Operation
	err       error
}

func (s *Server) submitAlone(ctx context.Context, request status.Request) (*Operation, *failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitWait)
	answer := make(chan submitted, 1)
	go func() {
		defer func() { <-s.lane }()
		op, err := s.config.Operator.Submit(ctx, request)
		answer <- submitted{op, err}
	}()
	defer cancel()
	select {
	case a := <-answer:
		if a.err != nil {
			return nil, refusal(a.err)
		}
		return describeOperation(a.operation), nil
	case <-ctx.Done():
		return nil, &failure{code: http.StatusServiceUnavailable, reason: "the supervisor did not take the request in time; it may still have been written: look before you ask again"}
	}
}

// refusal tells a refused request (412) from one that the DCS did not take (503).
func refusal(err error) *failure {
	var refused *core.Refusal
	if errors.As(err, &refused) {
		return &failure{code: http.StatusPreconditionFailed, reason: refused.Reason}
	}
	return &failure{code: http.StatusServiceUnavailable, reason: err.Error()}
}

// await answers when the operation has ended.
func (s *Server) await(w http.ResponseWriter, r *http.Request, op *Operation) {
	ctx, cancel := context.WithTimeout(r.Context(), operationWait)
	defer cancel()
	tick := time.NewTicker(operationPoll)
	defer tick.Stop()
	seen := false
	for {
		now := s.current().operation()
		switch {
		case now != nil && now.ID == op.ID && now.State != string(core.Pending):
			ended(w, now)
			return
		case now != nil && now.ID == op.ID:
			seen = true
		case seen:
			(&failure{http.StatusServiceUnavailable, op.Kind + " was replaced by another operation; its result is not known", now}).write(w)
			return
		}
		select {
		case <-ctx.Done():
			(&failure{http.StatusServiceUnavailable, fmt.Sprintf("%s has not ended within %s; it goes on", op.Kind, operationWait), op}).write(w)
			return
		case <-tick.C:
		}
	}
}

func ended(w http.ResponseWriter, op *Operation) {
	if op.State == string(core.Done) {
		writeJSON(w, http.StatusOK, Accepted{Version, op.sentence(), op})
		return
	}
	(&failure{http.StatusServiceUnavailable, op.sentence(), op}).write(w)
}

func (o *Operation) sentence() string {
	text := fmt.Sprintf("%s %s", o.Kind, o.State)
	if o.Result != "" {
		text += ": " + o.Result
	}
	return text
}
