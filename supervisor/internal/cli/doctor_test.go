// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/doctor"
)

// TestDoctor: on a host without plugins there are errors, which the exit code and both formats tell.
func TestDoctor(t *testing.T) {
	file := configFile(t, closedPort(t))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "plugin_dir = \""+t.TempDir()+"\"\n"...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got := shell{}.run(t, "doctor", "-c", file, "-o", "json")
	var e struct {
		Errors, Warnings int
		Findings         []doctor.Finding
	}
	if err := json.Unmarshal([]byte(got.out), &e); err != nil || got.code != cli.ExitUnfit {
		t.Fatalf("%d, %v: %s", got.code, err, got.err)
	}
	errors, topics := 0, map[string]bool{}
	for _, f := range e.Findings {
		topics[f.Topic] = true
		if f.Severity == doctor.Error {
			errors++
		}
	}
	if errors != e.Errors || errors == 0 {
		t.Errorf("%d errors told, %d listed", e.Errors, errors)
	}
	for _, topic := range []string{"user", "supervisor", "plugins", "postgresql", "data", "ports", "watchdog", "time", "kernel"} {
		if !topics[topic] {
			t.Errorf("nothing about %s", topic)
		}
	}
	shown := shell{}.run(t, "doctor", "-c", file)
	for _, part := range []string{"\nplugins\n", "  error   dcs \"etcd\" cannot be served by ",
		"          ⇒ plugin_dir, or command in the plugin block"} {
		if !strings.Contains(shown.out, part) {
			t.Errorf("%q is missing in %s", part, shown.out)
		}
	}
	if shown.code != cli.ExitUnfit || !strings.Contains(shown.err, "Errors: ") {
		t.Errorf("exit %d, said %q", shown.code, shown.err)
	}
}

// TestDoctorOfBadConfiguration tells what config validate would.
func TestDoctorOfBadConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.hcl")
	if err := os.WriteFile(file, []byte("cluster \"demo\" {\n  memer = \"mdw\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := shell{}.run(t, "doctor", "-c", file)
	if got.code != cli.ExitUnfit || !strings.Contains(got.out, "error   "+file+":2:3: ") || !strings.Contains(got.out, "member") {
		t.Errorf("exit %d: %s", got.code, got.out)
	}
}
