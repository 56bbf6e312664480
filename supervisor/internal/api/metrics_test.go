// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

var foreign = regexp.MustCompile(`(?m)^(?:# (?:HELP|TYPE) )?(?:go_|process_|promhttp_).*\n`)

func TestMetrics(t *testing.T) {
	for name, snap := range map[string]*status.Snapshot{"primary": apitest.Primary(), "standby": apitest.Standby(), "quorum": apitest.Quorum(), "electing": apitest.Electing()} {
		got := ask(serving(snap), "GET", "/metrics")
		if got.Code != 200 || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("got %d %s", got.Code, got.Header())
		}
		golden(t, name+"_metrics.txt", foreign.ReplaceAll(got.Body.Bytes(), nil))
	}
}

func TestMetricsOfEmptySnapshot(t *testing.T) {
	snap := &status.Snapshot{Cluster: "demo", Name: "mdw", At: apitest.Now, TTL: apitest.TTL}
	body := ask(serving(snap), "GET", "/metrics").Body.String()
	for _, want := range []string{`patroni_primary{name="mdw",scope="demo"} 0`, `patroni_cluster_unlocked{name="mdw",scope="demo"} 1`, `patroni_postgres_state{name="mdw",scope="demo"} -1`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "pgvigil_epoch{") {
		t.Error("an epoch out of nothing")
	}
}

func TestStateMetricHasPatronisNumbers(t *testing.T) {
	for want, change := range map[string]func(*status.Snapshot){
		"5":  func(*status.Snapshot) {},
		"12": func(s *status.Snapshot) { s.Postgres.Status = core.StatusStopped },
		"14": func(s *status.Snapshot) { s.Postgres.Status = core.StatusCrashed },
		"4":  func(s *status.Snapshot) { s.Job = &core.Job{Kind: core.ActClone} },
		"0":  func(s *status.Snapshot) { s.Job = &core.Job{Kind: core.ActBootstrap} },
		"-1": func(s *status.Snapshot) { s.Postgres.Status = core.StatusHung },
	} {
		body := ask(serving(standbyWith(change)), "GET", "/metrics").Body.String()
		if !strings.Contains(body, `patroni_postgres_state{name="standby",scope="demo"} `+want+"\n") {
			t.Errorf("no state %s", want)
		}
	}
}
