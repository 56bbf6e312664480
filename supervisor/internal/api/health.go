// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// check is a health check: true is 200, false is 503. An error is a filter that cannot be understood: 400.
type check func(*view, core.Instant, *http.Request, uint64) (bool, error)

// checks are the paths a load balancer asks.
func checks() map[string]check {
	primary := plain((*view).primary)
	sync := plain((*view).synchronous)
	quorum := plain((*view).quorum)
	return map[string]check{
		"/":                 primary,
		"/primary":          primary,
		"/master":           primary,
		"/read-write":       primary,
		"/leader":           plain((*view).holding),
		"/standby-leader":   plain((*view).never),
		"/standby_leader":   plain((*view).never),
		"/replica":          replica,
		"/read-only":        readOnly,
		"/synchronous":      sync,
		"/sync":             sync,
		"/read-only-sync":   plain(func(v *view, now core.Instant) bool { return v.synchronous(now) || v.primary(now) }),
		"/quorum":           quorum,
		"/read-only-quorum": plain(func(v *view, now core.Instant) bool { return v.quorum(now) || v.primary(now) }),
		"/asynchronous":     asynchronous,
		"/async":            asynchronous,
		"/health":           plain(func(v *view, now core.Instant) bool { return v.running && v.fresh(now) }),
		"/readiness":        readiness,
	}
}

// plain makes a check of a predicate that takes no filters.
func plain(f func(*view, core.Instant) bool) check {
	return func(v *view, now core.Instant, _ *http.Request, _ uint64) (bool, error) { return f(v, now), nil }
}

// health answers a check: GET with the status document, HEAD and OPTIONS with the status code alone.
func (s *Server) health(w http.ResponseWriter, r *http.Request, rt *route) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions {
		methodNotAllowed(w, r, rt)
		return
	}
	v := s.current()
	switch {
	case v == nil && r.Method == http.MethodGet:
		notYet(w)
		return
	case v == nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	ok, err := rt.check(v, s.config.Now(), r, s.config.MaximumLag)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	code := http.StatusServiceUnavailable
	if ok {
		code = http.StatusOK
	}
	if r.Method == http.MethodGet {
		writeBody(w, code, v.document())
		return
	}
	w.WriteHeader(code)
}

func notYet(w http.ResponseWriter) {
	fail(w, http.StatusServiceUnavailable, "the supervisor has just started and has observed nothing yet")
}

// holding tells whether this member's leadership is in force, by the clock and not by the loop's last word.
func (v *view) holding(now core.Instant) bool { return v.Hold.Valid(now) }

// primary tells whether writes belong here.
func (v *view) primary(now core.Instant) bool {
	return v.running && v.role == core.RolePrimary && v.Hold.Valid(now)
}

func (v *view) never(core.Instant) bool { return false }

// standby tells whether reads may come here, filters aside.
func (v *view) standby(now core.Instant) bool {
	return v.running && v.role == core.RoleStandby && !v.noloadbalance && v.fresh(now)
}

// quorum tells whether this is one of the standbys that commits are counted on.
func (v *view) quorum(now core.Instant) bool { return v.voter && v.standby(now) }

// synchronous tells whether every commit waits for this standby.
func (v *view) synchronous(now core.Instant) bool {
	cohort := v.Cohort()
	return v.quorum(now) && cohort.K == len(cohort.Members)-1
}

func replica(v *view, now core.Instant, r *http.Request, _ uint64) (bool, error) {
	f, err := parseFilter(r.URL.RawQuery)
	if err != nil {
		return false, err
	}
	return v.standby(now) && f.match(v), nil
}

func readOnly(v *view, now core.Instant, r *http.Request, limit uint64) (bool, error) {
	ok, err := replica(v, now, r, limit)
	return err == nil && (ok || v.primary(now)), err
}

func asynchronous(v *view, now core.Instant, r *http.Request, limit uint64) (bool, error) {
	ok, err := replica(v, now, r, limit)
	return ok && !v.voter, err
}

// readiness tells whether this member does its work: leads, or follows closely.
func readiness(v *view, now core.Instant, r *http.Request, limit uint64) (bool, error) {
	f, err := parseReadiness(r.URL.RawQuery, limit)
	if err != nil {
		return false, err
	}
	if v.holding(now) {
		return true, nil
	}
	streaming := v.Postgres != nil && v.Postgres.Receiver != nil
	return streaming && v.running && v.role == core.RoleStandby && v.fresh(now) && f.match(v), nil
}

// liveness tells whether the loop turns. It has no body.
func (s *Server) liveness(w http.ResponseWriter, _ *http.Request) {
	code := http.StatusServiceUnavailable
	if v := s.current(); v != nil && v.alive(s.config.Now()) {
		code = http.StatusOK
	}
	w.WriteHeader(code)
}

func (v *view) alive(now core.Instant) bool {
	limit := 2 * v.TTL
	if v.role == core.RolePrimary {
		limit = v.TTL
	}
	return now.Sub(v.At) < limit
}
