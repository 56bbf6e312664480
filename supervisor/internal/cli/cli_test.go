// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"flag"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

// result is what one command line did.
type result struct {
	code     int
	out, err string
}

// shell runs command lines.
type shell struct {
	env        map[string]string
	in         string
	inTerminal bool
	terminal   bool
}

func (s shell) run(t *testing.T, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	app := &cli.App{
		In: strings.NewReader(s.in), Out: &out, Err: &err, Getenv: func(name string) string { return s.env[name] },
		InTerminal: s.inTerminal, OutTerminal: s.terminal, Version: "0.1.0",
	}
	code := app.Run(t.Context(), args)
	return result{code, out.String(), err.String()}
}

// serve serves a source through the real handler and returns its URL.
func serve(t *testing.T, source api.Source, operator apitest.Operator) string {
	t.Helper()
	server := httptest.NewServer(api.New(api.Config{Source: source, Operator: operator, Now: func() core.Instant { return apitest.Now }}))
	t.Cleanup(server.Close)
	return server.URL
}

func published(snap *status.Snapshot) *apitest.Source {
	source := &apitest.Source{}
	source.Publish(snap)
	return source
}

func primaryWith(change func(*status.Snapshot)) *status.Snapshot {
	s := apitest.Primary()
	change(s)
	return s
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// troubled is a cluster in which everything is amiss.
func troubled() *status.Snapshot {
	return primaryWith(func(s *status.Snapshot) {
		s.LeaderLive, s.DCSSeen = false, 0
		s.Stale = []string{"standby1"}
		s.View.Config.Value.Paused = true
		s.View.Members[0].Value.Message = "no space left on \x1b[31mdevice"
		s.View.Members[1].Value.Status, s.View.Members[1].Value.Job = core.StatusAbsent, "clone 12%"
		s.Plugins[0].Healthy, s.Plugins[0].Message = false, "0 of 3 endpoints answer"
		s.View.Operation = core.Versioned[core.Operation]{Rev: 3, Value: core.Operation{ID: "op1", Kind: core.Switchover, From: "mdw", To: "standby", State: core.Pending}}
	})
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name     string
		snap     *status.Snapshot
		terminal bool
		args     string
	}{
		{"list", apitest.Primary(), false, "list"},
		{"list_terminal", apitest.Primary(), true, "list"},
		{"list_wide", apitest.Primary(), false, "list -o wide"},
		{"list_json", apitest.Primary(), false, "list -o json"},
		{"list_jsonl", apitest.Primary(), false, "list -o jsonl"},
		{"list_yaml", apitest.Standby(), false, "list -o yaml"},
		{"list_troubled", troubled(), false, "list"},
		{"list_troubled_terminal", troubled(), true, "topology"},
		{"list_quorum", apitest.Quorum(), false, "list"},
		{"list_electing", apitest.Electing(), false, "list"},
		{"list_quorum_json", apitest.Electing(), false, "list -o json"},
		{"why_electing", apitest.Electing(), false, "why"},
		{"history", apitest.Primary(), false, "history"},
		{"history_json", apitest.Primary(), false, "history -o json"},
		{"why", apitest.Primary(), false, "why"},
		{"why_one", apitest.Primary(), false, "why -n 1"},
		{"why_standby", apitest.Standby(), false, "why"},
		{"why_json", apitest.Primary(), false, "why -o json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := shell{terminal: c.terminal}.run(t, append(strings.Fields(c.args), "--endpoint", serve(t, published(c.snap), nil))...)
			if got.code != cli.ExitOK || got.err != "" {
				t.Errorf("exit %d, said %q", got.code, got.err)
			}
			golden(t, c.name+".txt", got.out)
		})
	}
}

func TestNoColour(t *testing.T) {
	endpoint := serve(t, published(troubled()), nil)
	for _, env := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
		if got := (shell{terminal: true, env: env}).run(t, "list", "--endpoint", endpoint); strings.Contains(got.out, "\x1b") {
			t.Errorf("%v: there are escapes in %q", env, got.out)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		snap *status.Snapshot
		code int
		says string
	}{
		{apitest.Primary(), cli.ExitOK, ""},
		{troubled(), cli.ExitNoLeader, "nobody leads"},
		{primaryWith(func(s *status.Snapshot) { s.View.Members[2].Value.Streaming = false }), cli.ExitDegraded, "standby1 is running"},
		{primaryWith(func(s *status.Snapshot) { s.Stale = []string{"standby"} }), cli.ExitDegraded, "standby is unknown"},
		{primaryWith(func(s *status.Snapshot) { s.View.Config.Value.Paused = true }), cli.ExitDegraded, "paused"},
	} {
		got := shell{}.run(t, "list", "--check", "--endpoint", serve(t, published(c.snap), nil))
		if got.code != c.code || !strings.Contains(got.err, c.says) {
			t.Errorf("got %d %q, want %d %q", got.code, got.err, c.code, c.says)
		}
	}
}

// closedPort is an address on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestUnreachable(t *testing.T) {
	closed := closedPort(t)
	got := shell{}.run(t, "list", "--endpoint", closed)
	if got.code != cli.ExitError || !strings.Contains(got.err, closed+" refuses connections (given with --endpoint or PGVIGIL_ENDPOINT): is pgvigild running there?") {
		t.Errorf("got %d %q", got.code, got.err)
	}
	got = shell{env: map[string]string{"PGVIGIL_ENDPOINT": closed + "," + serve(t, published(apitest.Primary()), nil)}}.run(t, "list")
	if got.code != cli.ExitOK || !strings.Contains(got.out, "Cluster: demo") {
		t.Errorf("the second endpoint was not asked: %d %q", got.code, got.err)
	}
	got = shell{}.run(t, "list", "--endpoint", serve(t, published(nil), nil))
	if got.code != cli.ExitDCS || !strings.Contains(got.err, "observed nothing yet") {
		t.Errorf("got %d %q", got.code, got.err)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"lsit", `did you mean "list"?`},
		{"xyzzy", "pgvigil --help"},
		{"config frobnicate", "unknown command"},
		{"list extra", "usage: pgvigil list"},
		{"list --nope", "unknown flag: --nope"},
		{"list -o xml", "want one of table, wide, json, jsonl, yaml"},
		{"list --endpoint ftp://x", "want http://host:port"},
		{"list --endpoint http://x/path", "want http://host:port"},
		{"list -w -n 1ms --endpoint http://x", "at least 100ms"},
		{"reinit", "accepts 1 arg"},
		{"failover", "--candidate"},
		{"list --ca-file /does/not/exist --endpoint http://x", "authorities"},
		{"list --config /does/not/exist", "/does/not/exist"},
		{"dcs serve --config /does/not/exist", "/does/not/exist"},
	} {
		got := shell{}.run(t, strings.Fields(c.args)...)
		if got.code != cli.ExitUsage || !strings.Contains(got.err, c.says) || got.out != "" {
			t.Errorf("%s: got %d, out %q, err %q", c.args, got.code, got.out, got.err)
		}
	}
}

func TestRules(t *testing.T) {
	text, markdown := shell{}.run(t, "rules"), shell{}.run(t, "rules", "--markdown")
	if markdown.out != core.Markdown() {
		t.Error("not the table of core")
	}
	for _, s := range core.Table() {
		for _, r := range s.Rules {
			if !strings.Contains(text.out, string(r.ID)) || !strings.Contains(text.out, r.Why) {
				t.Errorf("rule %s is missing", r.ID)
			}
		}
	}
	if got := (shell{}).run(t, "rules", "-o", "json"); !strings.HasPrefix(got.out, "{\n  \"apiVersion\": \"v1\"") {
		t.Errorf("got %.60q", got.out)
	}
}

func TestVersion(t *testing.T) {
	if got := (shell{}).run(t, "version"); !strings.HasPrefix(got.out, "pgvigil 0.1.0 (go") {
		t.Errorf("got %q", got.out)
	}
}

func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if got := (shell{}).run(t, "gen", "man", dir); got.code != cli.ExitOK {
		t.Fatal(got.err)
	}
	for _, page := range []string{"pgvigil", "pgvigil-list", "pgvigil-switchover", "pgvigil-config-validate", "pgvigil-dcs-serve"} {
		text, err := os.ReadFile(filepath.Join(dir, page+".1"))
		if err != nil || !bytes.HasPrefix(text, []byte(".TH ")) {
			t.Errorf("%s: %v", page, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "pgvigil-gen-man.1")); err == nil {
		t.Error("there is a page for a hidden command")
	}
}

// TestWatch ends watching after the third look.
func TestWatch(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		args     []string
		sep      string
	}{
		{false, []string{"list"}, "Cluster: demo"},
		{true, []string{"list"}, "\x1b[H\x1b[2JCluster: demo"},
		{true, []string{"list", "-o", "jsonl"}, `{"apiVersion":"v1"`},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		source := &counting{Source: published(apitest.Primary()), done: cancel}
		source.left.Store(3)
		var out, err bytes.Buffer
		app := &cli.App{In: strings.NewReader(""), Out: &out, Err: &err, Getenv: func(string) string { return "" }, OutTerminal: c.terminal}
		code := app.Run(ctx, append(c.args, "-w", "-n", "100ms", "--endpoint", serve(t, source, nil)))
		if n := strings.Count(out.String(), c.sep); code != cli.ExitOK || n < 2 {
			t.Errorf("exit %d, shown %d times: %s%s", code, n, out.String(), err.String())
		}
		cancel()
	}
}

// counting calls done when it has been asked for the last time.
type counting struct {
	*apitest.Source
	left atomic.Int32
	done func()
}

func (c *counting) Snapshot() *status.Snapshot {
	if c.left.Add(-1) < 0 {
		c.done()
	}
	return c.Source.Snapshot()
}
