// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// exampleSpec builds the plugin that authors copy.
func exampleSpec(t *testing.T) Spec {
	t.Helper()
	dir := shortDir(t)
	command := filepath.Join(dir, "pgvigil-plugin-example")
	build := exec.Command("go", "build", "-o", command, "github.com/pgvigil/pgvigil/plugins/example")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	must(t, os.Chmod(command, 0o755))
	return Spec{
		Kind: KindRouter, Name: "example", Command: command,
		RunDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"),
		Context: Context{Member: "a", Cluster: "demo"},
	}
}

// TestExamplePlugin runs a plugin made with the SDK through host and probe.
func TestExamplePlugin(t *testing.T) {
	spec := exampleSpec(t)
	t.Run("supervised", func(t *testing.T) { superviseExample(t, spec) })
	t.Run("probed", func(t *testing.T) { probeExample(t, spec) })
	t.Run("health", func(t *testing.T) { tellExample(t, spec) })
}

// tellExample: what is wrong with a router is logged once, and that it is over.
func tellExample(t *testing.T, spec Spec) {
	log := &record{}
	h := New(log.logger(), spec)
	must(t, h.Open(t.Context()))
	defer func() { must(t, h.Close()) }()
	dir := filepath.Join(filepath.Dir(spec.Command), "later")
	_, err := h.Plugin("example").Configure(t.Context(), []byte(`{"path":"`+dir+`/routes.json"}`))
	must(t, err)
	check := func() { // at once, not only every five seconds
		p := h.Plugin("example")
		p.mu.Lock()
		defer p.mu.Unlock()
		p.session.suspect()
	}
	ill := func() int { return strings.Count(log.String(), "plugin is not healthy") }
	check()
	eventually(t, "it is told", func() bool { return ill() == 1 })
	if !strings.Contains(log.String(), dir+": no such file or directory") {
		t.Errorf("log: %s", log.String())
	}
	must(t, os.Mkdir(dir, 0o700))
	check()
	eventually(t, "that it is over is told", func() bool { return strings.Contains(log.String(), "plugin is healthy again") })
	if ill() != 1 || h.Status()[0].Restarts != 0 || !h.Status()[0].Healthy {
		t.Errorf("told %d times; %+v", ill(), h.Status()[0])
	}
}

func superviseExample(t *testing.T, spec Spec) {
	h := New((&record{}).logger(), spec)
	must(t, h.Open(t.Context()))
	file := filepath.Join(filepath.Dir(spec.Command), "routes.json")
	body, err := json.Marshal(map[string]string{"path": file})
	must(t, err)
	if found, err := h.Plugin("example").Configure(t.Context(), body); err != nil || HasErrors(found) {
		t.Fatal(err, found)
	}
	must(t, h.Routers()[0].Apply(t.Context(), core.Routes{Epoch: 5, OwnRole: core.RoleStandby}))
	raw, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(raw), `"own_role": "standby"`) {
		t.Errorf("routes file: %s, %v", raw, err)
	}
	if err := h.Routers()[0].Apply(t.Context(), core.Routes{Epoch: 4, OwnRole: core.RoleStandby}); err == nil {
		t.Error("routes of an older epoch were applied")
	}
	must(t, h.Close())
}

func probeExample(t *testing.T, spec Spec) {
	spec.RunDir, spec.StateDir = "", ""
	p := NewProbe((&record{}).logger(), spec)
	must(t, p.Open(t.Context()))
	if p.Info().Name != "example" || len(p.Schema().Attributes) != 1 {
		t.Errorf("probe: %+v, %+v", p.Info(), p.Schema())
	}
	found, err := p.Validate(t.Context(), []byte(`{"path":"relative"}`))
	if err != nil || !HasErrors(found) || found[0].Path[0] != "path" {
		t.Errorf("validation: %+v, %v", found, err)
	}
	pid, scratch := p.session.pid(), p.scratch
	must(t, p.Close())
	if _, err := os.Stat(scratch); !gone(pid) || !os.IsNotExist(err) {
		t.Errorf("probe left process or directory: %v", err)
	}
}

func TestProbeOfARefusedPluginLeavesNothing(t *testing.T) {
	p := NewProbe((&record{}).logger(), fakeSpec(t, "kind"))
	if err := p.Open(t.Context()); err == nil {
		t.Error("a plugin of the wrong kind was accepted")
	}
	must(t, p.Close())
	if _, err := os.Stat(p.scratch); !os.IsNotExist(err) {
		t.Errorf("scratch directory: %v", err)
	}
}
