// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

func serving(snap *status.Snapshot) *api.Server {
	source := &apitest.Source{}
	source.Publish(snap)
	return api.New(api.Config{Source: source, MaximumLag: 1 << 20, Now: func() core.Instant { return apitest.Now }})
}

func ask(s http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// healthPaths are all health checks.
func healthPaths() []string {
	return strings.Fields(`/ /primary /master /read-write /leader /standby-leader /standby_leader /replica /read-only
		/synchronous /sync /read-only-sync /quorum /read-only-quorum /asynchronous /async /health /readiness /liveness`)
}

const (
	writable = "/ /primary /master /read-write"
	leading  = writable + " /leader /read-only /read-only-sync /read-only-quorum /health /readiness /liveness"
	follows  = "/replica /read-only /asynchronous /async /health /readiness /liveness"
)

type healthCase struct {
	name string
	snap *status.Snapshot
	ok   string // the paths that are answered with 200, all others with 503
}

func primaryWith(change func(*status.Snapshot)) *status.Snapshot {
	s := apitest.Primary()
	change(s)
	return s
}

func standbyWith(change func(*status.Snapshot)) *status.Snapshot {
	s := apitest.Standby()
	change(s)
	return s
}

func quorate(s *status.Snapshot) {
	s.View.Cohort = core.Versioned[core.Cohort]{Value: core.Cohort{Epoch: 7, Members: []string{"mdw", "standby", "standby1"}, K: 1}, Rev: 5}
}

func healthCases() []healthCase {
	return slices.Concat(leaderCases(), standbyCases())
}

func leaderCases() []healthCase {
	return []healthCase{
		{"leader", apitest.Primary(), leading},
		{"leader whose leadership has run out", primaryWith(func(s *status.Snapshot) { s.Hold.Deadline = apitest.Now }), "/health /liveness"},
		{"leader by one nanosecond", primaryWith(func(s *status.Snapshot) { s.Hold.Deadline = apitest.Now + 1 }), leading},
		{"paused leader without a deadline", primaryWith(func(s *status.Snapshot) { s.Hold.Indefinite, s.Hold.Deadline = true, 1 }), leading},
		{"primary without leadership", primaryWith(func(s *status.Snapshot) { s.Hold = core.Hold{} }), "/health /liveness"},
		{"leader that is still a standby", standbyWith(func(s *status.Snapshot) {
			s.Hold = core.Hold{Epoch: 8, Deadline: apitest.Now + 1}
		}), "/leader " + follows},
		{"leader whose PostgreSQL starts", primaryWith(func(s *status.Snapshot) { s.Postgres.Status = core.StatusStarting }), "/leader /readiness /liveness"},
		{"leader whose PostgreSQL hangs", primaryWith(func(s *status.Snapshot) { s.Postgres.Status = core.StatusHung }), "/leader /readiness /liveness"},
		{"leader whose loop hangs, inside the ttl", primaryWith(func(s *status.Snapshot) { s.At -= core.Instant(29 * core.Second) }), leading},
		{"leader in quorum mode", primaryWith(quorate), leading},
		{"leader that knows nothing of the DCS", primaryWith(func(s *status.Snapshot) { s.View = nil }), leading},
	}
}

func standbyCases() []healthCase {
	return []healthCase{
		{"standby", apitest.Standby(), follows},
		{"standby for no reads", standbyWith(func(s *status.Snapshot) {
			s.View.Members[1].Value.Tags = map[string]string{"noloadbalance": "true"}
		}), "/health /readiness /liveness"},
		{"standby that lags", standbyWith(func(s *status.Snapshot) { s.Postgres.Replayed -= 2 << 20 }), strings.ReplaceAll(follows, "/readiness ", "")},
		{"standby that does not stream", standbyWith(func(s *status.Snapshot) { s.Postgres.Receiver = nil }), strings.ReplaceAll(follows, "/readiness ", "")},
		{"standby in a quorum", standbyWith(quorate), "/replica /read-only /quorum /read-only-quorum /health /readiness /liveness"},
		{"standby every commit waits for", standbyWith(func(s *status.Snapshot) {
			quorate(s)
			s.View.Cohort.Value.K = 2
		}), "/replica /read-only /quorum /read-only-quorum /sync /synchronous /read-only-sync /health /readiness /liveness"},
		{"standby whose loop hangs", standbyWith(func(s *status.Snapshot) { s.At -= core.Instant(60 * core.Second) }), ""},
		{"standby whose plugin is silent", standbyWith(func(s *status.Snapshot) { s.Postgres.At -= core.Instant(60 * core.Second) }), "/liveness"},
		{"stopped", standbyWith(func(s *status.Snapshot) { s.Postgres.Status = core.StatusStopped }), "/liveness"},
		{"nothing observed", standbyWith(func(s *status.Snapshot) { s.Postgres, s.View = nil, nil }), "/liveness"},
		{"just started", nil, ""},
	}
}

func TestHealthChecks(t *testing.T) {
	for _, c := range healthCases() {
		t.Run(c.name, func(t *testing.T) {
			server, ok := serving(c.snap), strings.Fields(c.ok)
			for _, path := range healthPaths() {
				want := http.StatusServiceUnavailable
				if slices.Contains(ok, path) {
					want = http.StatusOK
				}
				checkHealth(t, server, path, want)
			}
		})
	}
}

func checkHealth(t *testing.T, server http.Handler, path string, want int) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		got := ask(server, method, path)
		if got.Code != want {
			t.Errorf("%s %s: got %d, want %d", method, path, got.Code, want)
		}
		if method == http.MethodOptions && got.Body.Len() > 0 {
			t.Errorf("%s %s: has a body", method, path)
		}
		if method == http.MethodGet && path != "/liveness" && !json.Valid(got.Body.Bytes()) {
			t.Errorf("%s %s: body is not JSON: %s", method, path, got.Body)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		got := ask(server, method, path)
		if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s %s: got %d, Allow %q", method, path, got.Code, got.Header().Get("Allow"))
		}
	}
}

func TestLivenessOfPrimaryEndsWithTTL(t *testing.T) {
	s := apitest.Primary()
	s.At -= core.Instant(apitest.TTL)
	if got := ask(serving(s), http.MethodGet, "/liveness").Code; got != http.StatusServiceUnavailable {
		t.Errorf("got %d", got)
	}
}

func TestFilters(t *testing.T) {
	behind := standbyWith(func(s *status.Snapshot) {
		s.Postgres.Replayed = s.Postgres.Received - 1024*1024
		s.View.Members[1].Value.Tags = map[string]string{"zone": "b", "clonefrom": "true"}
	})
	for target, want := range map[string]int{
		"/replica":                                   200,
		"/replica?lag=1MB":                           200,
		"/replica?lag=1048576":                       200,
		"/replica?lag=1048575":                       503,
		"/replica?lag=1023kB":                        503,
		"/replica?lag=1%20GB":                        200,
		"/replica?lag=":                              400,
		"/replica?lag=much":                          400,
		"/replica?lag=-1":                            400,
		"/replica?lag=1PB":                           400,
		"/replica?lag=99999999TB":                    400,
		"/replica?%zz":                               400,
		"/replica?tag_zone=b":                        200,
		"/replica?tag_zone=a":                        503,
		"/replica?tag_zone=b&tag_clonefrom=True":     200,
		"/replica?tag_zone=b&tag_other=x":            503,
		"/replica?replication_state=streaming":       200,
		"/replica?replication_state=archive":         503,
		"/replica?unknown=1":                         200,
		"/read-only?lag=1kB":                         503,
		"/async?lag=1kB":                             503,
		"/async?lag=1MB":                             200,
		"/readiness":                                 200,
		"/readiness?lag=1kB":                         503,
		"/readiness?lag=1kB&mode=write":              200,
		"/readiness?mode=apply":                      200,
		"/readiness?mode=sideways":                   400,
		"/primary?tag_zone=b":                        503,
		"/health?lag=much":                           200,
		"/replica?lag=" + strings.Repeat("9", 10000): 400,
	} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			if got := ask(serving(behind), method, target); got.Code != want {
				t.Errorf("%s %s: got %d, want %d: %s", method, target, got.Code, want, got.Body)
			}
		}
	}
	if got := ask(serving(apitest.Primary()), http.MethodOptions, "/read-only?lag=1kB").Code; got != 200 {
		t.Errorf("a primary is readable whatever its lag: got %d", got)
	}
}
