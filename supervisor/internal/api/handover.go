// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// v1Switchover tells what a switchover would do, with the queries leader and candidate as POST /switchover has them in its body.
func (s *Server) v1Switchover(w http.ResponseWriter, r *http.Request) {
	v, q := s.current(), r.URL.Query()
	if v == nil {
		notYet(w)
		return
	}
	f, err := s.config.Operator.Foresee(status.Request{Kind: string(core.Switchover), From: q.Get("leader"), To: q.Get("candidate")})
	if err != nil {
		refusal(err).write(w)
		return
	}
	writeJSON(w, http.StatusOK, v.forecast(f))
}

func (v *view) forecast(f core.Forecast) Forecast {
	out := Forecast{
		APIVersion: Version, Leader: v.leader(), Candidate: f.To, Possible: f.Blocker == "", Blocker: f.Blocker,
		ReceiveLag: f.ReceiveLag, ReplayLag: f.ReplayLag, Poolers: list(f.Poolers), Unfit: []Unfit{},
		GapSeconds: span(v.Handover.Gap()),
	}
	for _, u := range f.Unfit {
		out.Unfit = append(out.Unfit, Unfit(u))
	}
	return out
}

func describeHandover(h status.Handover) *Handover {
	out := &Handover{From: h.From, Stages: []Stage{}, Over: h.Over(), GapSeconds: span(h.Gap()), WaitSeconds: span(h.Wait())}
	for i, took := range h.Took {
		out.Stages = append(out.Stages, Stage{status.Stage(i).String(), seconds(took)})
	}
	return out
}

// span is null where nothing is known.
func span(s core.Span) *float64 {
	if s == 0 {
		return nil
	}
	out := seconds(s)
	return &out
}
