// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// timingFile is a configuration with quorum durability; its supervisor is at connect.
func timingFile(t *testing.T, connect, ttl, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pgvigil.hcl")
	text := `cluster "demo" {
  member     = "mdw"
  ttl        = "` + ttl + `"
  durability = "quorum"
}
api { connect = "` + connect + `" }
dcs "etcd" {}
postgres {
  connect  = "127.0.0.1:5432"
  data_dir = "/data"
}
` + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const nobody = "127.0.0.1:1"

// Ensure every relation is shown with its numbers, with a watchdog too, and without a supervisor to ask.
func TestCheckTiming(t *testing.T) {
	file := timingFile(t, nobody, "30s", "watchdog { mode = \"required\" }")
	got := shell{}.run(t, "config", "check-timing", file)
	if got.code != cli.ExitOK || got.err != "" {
		t.Errorf("got %d %q", got.code, got.err)
	}
	golden(t, "check_timing.txt", got.out)
}

// Ensure what the supervisor measured of the DCS counts, and a relation that fails is an exit code.
func TestCheckTimingMeasured(t *testing.T) {
	measured := func(took core.Span) string {
		snap := apitest.Primary()
		for range 100 {
			snap.DCSLatency.Add(took)
		}
		return strings.TrimPrefix(serve(t, published(snap), nil), "http://")
	}
	fast := shell{}.run(t, "config", "check-timing", timingFile(t, measured(core.Millisecond), "3s", ""))
	if fast.code != cli.ExitOK || !strings.Contains(fast.out, "The DCS answered 100 calls: median 1") || strings.Contains(fast.out, "FAILS") {
		t.Errorf("got %d %s", fast.code, fast.out)
	}
	slow := shell{}.run(t, "config", "check-timing", "-o", "json", timingFile(t, measured(core.Second), "3s", ""))
	var doc struct {
		Holds  bool
		Checks []struct {
			Name  string
			Holds bool
		}
		DCS struct{ Count int }
	}
	if err := json.Unmarshal([]byte(slow.out), &doc); err != nil {
		t.Fatal(err)
	}
	failed := []string{}
	for _, c := range doc.Checks {
		if !c.Holds {
			failed = append(failed, c.Name)
		}
	}
	if slow.code != cli.ExitError || doc.Holds || doc.DCS.Count != 100 || strings.Join(failed, ", ") != "one lost renewal, renewals do not pile up" {
		t.Errorf("got %d, failed %q, %+v", slow.code, failed, doc)
	}
}

// Ensure a configuration that cannot be used is said to be so.
func TestCheckTimingOfBadConfiguration(t *testing.T) {
	got := shell{}.run(t, "config", "check-timing", timingFile(t, nobody, "0s", ""))
	if got.code != cli.ExitUsage || !strings.Contains(got.err, `"ttl" is too small`) {
		t.Errorf("got %d %q", got.code, got.err)
	}
}
