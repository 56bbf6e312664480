// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

func serverOf(source api.Source, operator apitest.Operator) *api.Server {
	return api.New(api.Config{Source: source, Operator: operator, Now: func() core.Instant { return apitest.Now }})
}

func record(s http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// send asks as a caller on this host does.
func send(s http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	return record(s, r)
}

// withOperation is mdw's snapshot with an operation in it.
func withOperation(op core.Operation) *status.Snapshot {
	return primaryWith(func(s *status.Snapshot) {
		s.View.Operation = core.Versioned[core.Operation]{Value: op, Rev: 950}
	})
}

// accepting takes a request, publishes it as pending, and keeps what it took.
func accepting(source *apitest.Source, took *status.Request) apitest.Operator {
	return func(_ context.Context, r status.Request) (core.Operation, error) {
		*took = r
		op := core.Operation{ID: "op1", Kind: core.OperationKind(r.Kind), From: r.From, To: r.To, By: r.By, State: core.Pending}
		if r.Kind != status.Pause && r.Kind != status.Resume {
			source.Publish(withOperation(op))
		}
		return op, nil
	}
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		method, target, body string
		code                 int
		want                 status.Request
	}{
		{"POST", "/switchover?wait=false", `{"leader":"mdw","candidate":"standby"}`, 202, status.Request{Kind: "switchover", From: "mdw", To: "standby", By: "127.0.0.1"}},
		{"POST", "/switchover?wait=false", `{"leader":"mdw","candidate":null,"scheduled_at":null}`, 202, status.Request{Kind: "switchover", From: "mdw", By: "127.0.0.1"}},
		{"POST", "/switchover?wait=false", `{"cut_clients":true}`, 202, status.Request{Kind: "switchover", Force: true, By: "127.0.0.1"}},
		{"POST", "/switchover?wait=false", ``, 202, status.Request{Kind: "switchover", By: "127.0.0.1"}},
		{"POST", "/failover?wait=false", `{"candidate":"standby"}`, 202, status.Request{Kind: "failover", To: "standby", By: "127.0.0.1"}},
		{"POST", "/failover?wait=false", `{"candidate":"standby","accept_data_loss":true}`, 202, status.Request{Kind: "failover", To: "standby", Force: true, By: "127.0.0.1"}},
		{"POST", "/failover?wait=false", `{"leader":"mdw","candidate":"standby"}`, 202, status.Request{Kind: "switchover", From: "mdw", To: "standby", By: "127.0.0.1"}},
		{"POST", "/reinitialize", ``, 202, status.Request{Kind: "reinit", To: "mdw", By: "127.0.0.1"}},
		{"POST", "/reinitialize", `{"force":true,"from-leader":true,"member":"standby"}`, 202, status.Request{Kind: "reinit", To: "standby", By: "127.0.0.1"}},
		{"PATCH", "/config", `{"pause":true}`, 200, status.Request{Kind: "pause", By: "127.0.0.1"}},
		{"PATCH", "/config", `{"pause":null}`, 200, status.Request{Kind: "resume", By: "127.0.0.1"}},
		{"PATCH", "/config", `{"pause":false}`, 200, status.Request{Kind: "resume", By: "127.0.0.1"}},
	} {
		source, took := &apitest.Source{}, status.Request{}
		source.Publish(apitest.Primary())
		got := send(serverOf(source, accepting(source, &took)), c.method, c.target, c.body)
		if got.Code != c.code {
			t.Errorf("%s %s %s: got %d %s", c.method, c.target, c.body, got.Code, got.Body)
		}
		if diff := cmp.Diff(c.want, took); diff != "" {
			t.Errorf("%s %s %s (-want +got):\n%s", c.method, c.target, c.body, diff)
		}
	}
}

func TestBadRequestsNeverReachTheOperator(t *testing.T) {
	source := &apitest.Source{}
	source.Publish(apitest.Primary())
	server := serverOf(source, func(context.Context, status.Request) (core.Operation, error) {
		t.Error("the operator was asked")
		return core.Operation{}, nil
	})
	for _, c := range []struct {
		method, target, body string
		code                 int
		says                 string
	}{
		{"POST", "/switchover", `{`, 400, "not a JSON object"},
		{"POST", "/switchover", `[]`, 400, "not a JSON object"},
		{"POST", "/switchover", `{} {}`, 400, "not a JSON object"},
		{"POST", "/switchover", `{"candidat":"x"}`, 400, `unknown field \"candidat\" (did you mean \"candidate\"?)`},
		{"POST", "/switchover", `{"zzz":"x"}`, 400, `known: [candidate cut_clients leader scheduled_at]`},
		{"POST", "/switchover", `{"leader":5}`, 400, "leader:"},
		{"POST", "/switchover", `{"leader":"mdw","candidate":"mdw"}`, 400, "is the leader"},
		{"POST", "/switchover", `{"leader":"mdw","scheduled_at":"2030-01-01T00:00:00Z"}`, 400, "cannot be scheduled"},
		{"POST", "/switchover?wait=maybe", `{}`, 400, "wait:"},
		{"POST", "/switchover", `{"leader":"` + strings.Repeat("x", 70_000) + `"}`, 413, "larger than"},
		{"POST", "/failover", `{}`, 400, "candidate"},
		{"POST", "/failover", `{"candidate":"standby","accept_data_loss":"yes"}`, 400, "accept_data_loss:"},
		{"POST", "/failover", `{"leader":"mdw","candidate":"standby","accept_data_loss":true}`, 400, "loses nothing"},
		{"POST", "/reinitialize", `{"force":"yes"}`, 400, "force:"},
		{"PATCH", "/config", `{}`, 400, "nothing to change"},
		{"PATCH", "/config", `{"pause":1}`, 400, "pause:"},
		{"PATCH", "/config", `{"ttl":30}`, 400, "unknown field"},
		{"DELETE", "/switchover", ``, 404, "no switchover is scheduled"},
	} {
		got := send(server, c.method, c.target, c.body)
		if got.Code != c.code || !strings.Contains(got.Body.String(), c.says) {
			t.Errorf("%s %s %.80s: got %d %.300s", c.method, c.target, c.body, got.Code, got.Body)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{&core.Refusal{Reason: "standby lags too far"}, 412, "standby lags too far"},
		{fmt.Errorf("submit: %w", &core.Refusal{Reason: "no such member"}), 412, "no such member"},
		{errors.New("the DCS did not answer"), 503, "the DCS did not answer"},
	} {
		source := &apitest.Source{}
		source.Publish(apitest.Primary())
		server := serverOf(source, func(context.Context, status.Request) (core.Operation, error) { return core.Operation{}, c.err })
		for _, target := range []string{"/switchover", "/reinitialize"} {
			if got := send(server, "POST", target, ""); got.Code != c.code || !strings.Contains(got.Body.String(), c.says) {
				t.Errorf("%v: got %d %s", c.err, got.Code, got.Body)
			}
		}
	}
}

func TestAnotherOperationIsPending(t *testing.T) {
	source, took := &apitest.Source{}, status.Request{}
	source.Publish(withOperation(core.Operation{ID: "op0", Kind: core.Reinit, To: "standby1", State: core.Pending}))
	server := serverOf(source, accepting(source, &took))
	if got := send(server, "POST", "/switchover", ""); got.Code != 409 || !strings.Contains(got.Body.String(), "reinit op0 is under way") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := send(server, "DELETE", "/switchover", ""); got.Code != 409 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := send(server, "PATCH", "/config", `{"pause":true}`); got.Code != 200 {
		t.Errorf("a pause must not wait for an operation: %d %s", got.Code, got.Body)
	}
}

func TestRequestBeforeFirstSnapshot(t *testing.T) {
	if got := send(serverOf(&apitest.Source{}, nil), "POST", "/switchover", ""); got.Code != 503 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

// TestSwitchoverIsWaitedFor publishes the end of an operation a second after it was asked for.
func TestSwitchoverIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		end  core.Operation
		code int
		says string
	}{
		{core.Operation{ID: "op1", Kind: core.Switchover, State: core.Done, Result: "standby leads"}, 200, "switchover done: standby leads"},
		{core.Operation{ID: "op1", Kind: core.Switchover, State: core.Failed, Result: "standby died"}, 503, "switchover failed: standby died"},
		{core.Operation{ID: "op2", Kind: core.Reinit, State: core.Pending}, 503, "replaced by another"},
	} {
		synctest.Test(t, func(t *testing.T) {
			source, took := &apitest.Source{}, status.Request{}
			source.Publish(apitest.Primary())
			server := serverOf(source, accepting(source, &took))
			start := time.Now()
			time.AfterFunc(time.Second, func() { source.Publish(withOperation(c.end)) })
			got := send(server, "POST", "/switchover", `{"leader":"mdw"}`)
			if got.Code != c.code || !strings.Contains(got.Body.String(), c.says) {
				t.Errorf("got %d %s", got.Code, got.Body)
			}
			if took := time.Since(start); took < time.Second || took > 2*time.Second {
				t.Errorf("answered after %s", took)
			}
		})
	}
}

func TestSwitchoverThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, took := &apitest.Source{}, status.Request{}
		source.Publish(apitest.Primary())
		start := time.Now()
		got := send(serverOf(source, accepting(source, &took)), "POST", "/switchover", "")
		if got.Code != 503 || !strings.Contains(got.Body.String(), "it goes on") || time.Since(start) != 65*time.Second {
			t.Errorf("after %s: %d %s", time.Since(start), got.Code, got.Body)
		}
	})
}

// TestHungOperator has an operator that does not even heed its deadline: the caller gets an answer, the next one is
// turned away at once, and health checks do not notice.
func TestHungOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &apitest.Source{}
		source.Publish(apitest.Primary())
		release := make(chan struct{})
		server := serverOf(source, func(context.Context, status.Request) (core.Operation, error) {
			<-release
			return core.Operation{}, errors.New("too late")
		})
		start := time.Now()
		if got := send(server, "POST", "/switchover", ""); got.Code != 503 || time.Since(start) != 5*time.Second {
			t.Errorf("after %s: %d %s", time.Since(start), got.Code, got.Body)
		}
		if got := send(server, "POST", "/switchover", ""); got.Code != 409 {
			t.Errorf("got %d %s", got.Code, got.Body)
		}
		if got := ask(server, "OPTIONS", "/primary").Code; got != 200 {
			t.Errorf("health check: %d", got)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("somebody waited: %s", waited)
		}
		close(release)
		synctest.Wait()
		if got := send(server, "POST", "/switchover", ""); got.Code != 503 || !strings.Contains(got.Body.String(), "too late") {
			t.Errorf("the lane stays blocked: %d %s", got.Code, got.Body)
		}
	})
}

func TestWhoMayChangeSomething(t *testing.T) {
	password := func() (string, error) { return "secret", nil }
	unreadable := func() (string, error) { return "", errors.New("gone") }
	type caller struct {
		remote, user, password, header string
	}
	for _, c := range []struct {
		name   string
		auth   api.Auth
		caller caller
		code   int
	}{
		{"loopback", api.Auth{}, caller{remote: "127.0.0.1:1"}, 202},
		{"loopback v6", api.Auth{}, caller{remote: "[::1]:1"}, 202},
		{"mapped loopback", api.Auth{}, caller{remote: "[::ffff:127.0.0.1]:1"}, 202},
		{"own address", api.Auth{}, caller{remote: "10.0.0.1:1"}, 202},
		{"other host", api.Auth{}, caller{remote: "10.0.0.2:1"}, 403},
		{"nonsense", api.Auth{}, caller{remote: "@"}, 403},
		{"web page", api.Auth{}, caller{remote: "127.0.0.1:1", header: "Origin"}, 403},
		{"web page without origin", api.Auth{}, caller{remote: "127.0.0.1:1", header: "Sec-Fetch-Site"}, 403},
		{"password", api.Auth{Username: "u", Password: password}, caller{remote: "10.0.0.2:1", user: "u", password: "secret"}, 202},
		{"wrong password", api.Auth{Username: "u", Password: password}, caller{remote: "10.0.0.2:1", user: "u", password: "secre"}, 401},
		{"wrong user", api.Auth{Username: "u", Password: password}, caller{remote: "10.0.0.2:1", user: "v", password: "secret"}, 401},
		{"no password on loopback", api.Auth{Username: "u", Password: password}, caller{remote: "127.0.0.1:1"}, 401},
		{"password unreadable", api.Auth{Username: "u", Password: unreadable}, caller{remote: "127.0.0.1:1", user: "u"}, 503},
		{"no certificate", api.Auth{Verify: api.VerifyOptional}, caller{remote: "127.0.0.1:1"}, 403},
	} {
		source, took := &apitest.Source{}, status.Request{}
		source.Publish(apitest.Primary())
		server := api.New(api.Config{Source: source, Operator: accepting(source, &took), Auth: c.auth})
		r := httptest.NewRequest("POST", "/switchover?wait=false", nil)
		here := &net.TCPAddr{IP: net.ParseIP("10.0.0.1"), Port: 8008}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, here))
		r.RemoteAddr = c.caller.remote
		if c.caller.user != "" {
			r.SetBasicAuth(c.caller.user, c.caller.password)
		}
		if c.caller.header != "" {
			r.Header.Set(c.caller.header, "https://evil.example")
		}
		got := record(server, r)
		if got.Code != c.code {
			t.Errorf("%s: got %d %s, want %d", c.name, got.Code, got.Body, c.code)
		}
		if (got.Code == 401) != (got.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: WWW-Authenticate %q", c.name, got.Header().Get("WWW-Authenticate"))
		}
		if got.Code != 202 && took.Kind != "" {
			t.Errorf("%s: refused, and done all the same", c.name)
		}
	}
}

func TestReadingIsFree(t *testing.T) {
	source := &apitest.Source{}
	source.Publish(apitest.Primary())
	server := api.New(api.Config{Source: source, Auth: api.Auth{Username: "u", Password: func() (string, error) { return "p", nil }}})
	for _, path := range []string{"/primary", "/cluster", "/metrics", "/v1/status"} {
		r := httptest.NewRequest("GET", path, io.NopCloser(strings.NewReader("")))
		r.RemoteAddr = "10.9.9.9:1"
		if got := record(server, r).Code; got == 401 || got == 403 {
			t.Errorf("%s: %d", path, got)
		}
	}
}
