// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func indented(t *testing.T, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out.Bytes()
}

func TestDocuments(t *testing.T) {
	creating := standbyWith(func(s *status.Snapshot) {
		s.Postgres = &core.Postgres{At: apitest.Now, Status: core.StatusAbsent}
		s.Job = &core.Job{Kind: core.ActClone, Epoch: 7, Since: apitest.Now - core.Instant(5*core.Second), Phase: "base backup", Done: 10, Total: 100}
		s.Stale = []string{"standby1"}
		s.View.Operation = core.Versioned[core.Operation]{Rev: 4, Value: core.Operation{ID: "op1", Kind: core.Reinit, To: "standby", By: "127.0.0.1", State: core.Pending}}
	})
	for _, role := range []struct {
		name string
		snap *status.Snapshot
	}{{"primary", apitest.Primary()}, {"standby", apitest.Standby()}, {"creating", creating}, {"quorum", apitest.Quorum()}, {"electing", apitest.Electing()}} {
		for _, path := range []string{"/patroni", "/cluster", "/history", "/config", "/v1/status", "/v1/why", "/v1/operation", "/v1/history"} {
			got := ask(serving(role.snap), http.MethodGet, path)
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s: got %d %s", path, got.Code, got.Header())
			}
			golden(t, role.name+strings.ReplaceAll(path, "/", "_")+".json", indented(t, got.Body.Bytes()))
		}
	}
}

func TestHealthBodyIsStatusDocument(t *testing.T) {
	s := serving(apitest.Standby())
	if diff := cmp.Diff(ask(s, "GET", "/patroni").Body.String(), ask(s, "GET", "/primary").Body.String()); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentsBeforeFirstSnapshot(t *testing.T) {
	for _, path := range []string{"/patroni", "/cluster", "/history", "/config", "/v1/status", "/v1/why", "/v1/operation", "/v1/history"} {
		if got := ask(serving(nil), http.MethodGet, path); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), `"error"`) {
			t.Errorf("%s: got %d %s", path, got.Code, got.Body)
		}
	}
	for _, path := range []string{"/v1/rules", "/metrics"} {
		if got := ask(serving(nil), http.MethodGet, path); got.Code != http.StatusOK {
			t.Errorf("%s: got %d", path, got.Code)
		}
	}
}

func TestDocumentsFollowSnapshot(t *testing.T) {
	source := &apitest.Source{}
	source.Publish(apitest.Primary())
	server := serverOf(source, nil)
	before := ask(server, "GET", "/patroni").Body.String()
	source.Publish(apitest.Standby())
	if after := ask(server, "GET", "/patroni").Body.String(); after == before || !strings.Contains(after, `"role":"replica"`) {
		t.Errorf("still the old document: %s", after)
	}
}

func TestRulesListTable(t *testing.T) {
	body := ask(serving(nil), "GET", "/v1/rules").Body.String()
	for _, section := range core.Table() {
		for _, r := range section.Rules {
			if !strings.Contains(body, `"id":"`+string(r.ID)+`"`) {
				t.Errorf("rule %s is missing", r.ID)
			}
		}
	}
	if strings.Contains(body, "null") {
		t.Error("there is a null where a list should be")
	}
}

func TestPathsAreExact(t *testing.T) {
	server := serving(apitest.Primary())
	for path, want := range map[string]int{
		"/primary/":    404,
		"/xprimary":    404,
		"/primary.php": 404,
		"/Primary":     404,
		"/a/primary":   404,
		"/restart":     501,
		"/citus":       501,
		"/v1":          404,
		"*":            404,
	} {
		if got := ask(server, http.MethodOptions, "/").Code; got != 200 {
			t.Fatal(got)
		}
		r, err := http.NewRequest(http.MethodGet, "http://host/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path = path
		if got := record(server, r); got.Code != want || !strings.Contains(got.Body.String(), `"error"`) {
			t.Errorf("%s: got %d %s, want %d", path, got.Code, got.Body, want)
		}
	}
	if got := ask(server, "GET", "/primry").Body.String(); !strings.Contains(got, `"near":["/primary"]`) {
		t.Errorf("no near path: %s", got)
	}
}

func TestMethodsOfDocuments(t *testing.T) {
	server := serving(apitest.Primary())
	for _, c := range []struct {
		method, path string
		code         int
		allow        string
	}{
		{"OPTIONS", "/cluster", 204, "GET, HEAD, OPTIONS"},
		{"HEAD", "/cluster", 200, ""},
		{"POST", "/cluster", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/switchover", 405, "DELETE, OPTIONS, POST"},
		{"PUT", "/config", 405, "GET, HEAD, OPTIONS, PATCH"},
		{"DELETE", "/failover", 405, "OPTIONS, POST"},
		{"BREW", "/patroni", 405, "GET, HEAD, OPTIONS"},
	} {
		if got := ask(server, c.method, c.path); got.Code != c.code || got.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: got %d, Allow %q", c.method, c.path, got.Code, got.Header().Get("Allow"))
		}
	}
}
