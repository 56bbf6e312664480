// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

// meanwhile is what clients see in each stage of a hand-over.
var meanwhile = map[string]string{
	"prepare": "all goes on", "hold clients": "clients of poolers wait", "stop": "no primary", "elect": "no primary", "open": "no primary",
	"let go": "clients of poolers wait",
}

// showHandover tells how long which stage took.
func (a *App) showHandover(h *api.Handover) error {
	if h == nil {
		return nil
	}
	t := &table{head: []string{"Stage", "Took", "Meanwhile"}}
	for _, s := range h.Stages {
		if s.Seconds > 0 {
			t.add(s.Name, milliseconds(s.Seconds), meanwhile[s.Name])
		}
	}
	if err := t.write(a.Out); err != nil {
		return err
	}
	return a.showGap(h)
}

func (a *App) showGap(h *api.Handover) error {
	var text string
	switch {
	case h.GapSeconds == nil:
		text = "the new leader has not been seen open yet: look with pgvigil list"
	case h.WaitSeconds == nil:
		text = "without a primary for " + milliseconds(*h.GapSeconds)
	default:
		text = fmt.Sprintf("without a primary for %s; clients of poolers waited for %s", milliseconds(*h.GapSeconds), milliseconds(*h.WaitSeconds))
	}
	_, err := fmt.Fprintln(a.Out, text)
	return wrapOutput(err)
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.0f ms", seconds*1000) }

// forecast asks the leader what a switchover would do, and tells it. A switchover that is not possible is refused.
func (a *App) forecast(ctx context.Context, c *client, before *api.Status, from, to string, f *format) error {
	if leader := find(before, before.Cluster.Leader); leader != nil && leader.API != "" {
		only, err := c.at(leader.API)
		if err != nil {
			return err
		}
		c = only
	}
	var out api.Forecast
	query := url.Values{"leader": {from}, "candidate": {to}}
	if err := c.get(ctx, "/v1/switchover?"+query.Encode(), &out); err != nil {
		return err
	}
	if done, err := f.structured(a.Out, out); err != nil || done {
		return err
	}
	if !out.Possible {
		return failf(ExitRefused, "a switchover from %s is not possible: %s", out.Leader, out.Blocker)
	}
	_, err := fmt.Fprintln(a.Out, strings.Join(sentences(&out), "\n"))
	return wrapOutput(err)
}

func sentences(f *api.Forecast) []string {
	out := []string{fmt.Sprintf("%s would hand over to %s", f.Leader, f.Candidate)}
	for _, u := range f.Unfit {
		out = append(out, fmt.Sprintf("not to %s: %s", u.Name, u.Why))
	}
	if f.ReceiveLag > 0 || f.ReplayLag > 0 {
		out = append(out, fmt.Sprintf("%s has yet to receive %s and to apply %s", f.Candidate, size(f.ReceiveLag), size(f.ReplayLag)))
	}
	if len(f.Poolers) > 0 {
		out = append(out, "poolers hold clients back on "+strings.Join(f.Poolers, ", "))
	} else {
		out = append(out, "there are no poolers: clients are disconnected and have to try again")
	}
	if f.GapSeconds != nil {
		return append(out, fmt.Sprintf("without a primary for about %s, as in the last one", milliseconds(*f.GapSeconds)))
	}
	return append(out, "for how long there is no primary is not known: no switchover has been seen since this supervisor started")
}
