// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

func TestPluginIsStartedAndStopped(t *testing.T) {
	for _, transport := range []Transport{AutoMTLS, InsecureLocal} {
		t.Run(string(transport), func(t *testing.T) {
			spec := fakeSpec(t, "good")
			spec.Transport = transport
			log := &record{}
			h := New(log.logger(), spec)
			if err := h.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := h.DCS().Read(t.Context(), ""); !errors.Is(err, ErrDown) {
				t.Errorf("read before configuration: %v, want ErrDown", err)
			}
			if _, err := h.DCS().plugin.Configure(t.Context(), []byte(`{"x":1}`)); err != nil {
				t.Fatal(err)
			}
			view, err := h.DCS().Read(t.Context(), "")
			if err != nil || string(view.Keys[0].Value) != `{"x":1}` {
				t.Errorf("read: %+v, %v", view, err)
			}
			pid := h.Status()[0].PID
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			if !gone(pid) {
				t.Error("plugin process is left")
			}
			if _, err := h.DCS().Read(t.Context(), ""); !errors.Is(err, ErrDown) {
				t.Errorf("read after close: %v, want ErrDown", err)
			}
		})
	}
}

func TestSchemaAndDiagnosticsArriveWhole(t *testing.T) {
	h, _ := openHost(t, fakeSpec(t, "good"))
	schema, err := h.Plugin("fake").Schema()
	if err != nil {
		t.Fatal(err)
	}
	least := 1.0
	want := Block{
		Attributes: []Attribute{{Name: "size", Type: Size, Default: "8", Minimum: &least}},
		Blocks:     []NestedBlock{{Type: "tls", Body: Block{Attributes: []Attribute{{Name: "ca_file", Type: String, Required: true}}}}},
	}
	if diff := cmp.Diff(want, schema); diff != "" {
		t.Error(diff)
	}
	found, err := h.Plugin("fake").Configure(t.Context(), []byte(`"bad"`))
	if diff := cmp.Diff([]Diagnostic{{Severity: SeverityError, Summary: "bad body", Path: []string{"tls", "ca_file"}}}, found); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestKilledPluginIsRestartedAndReconfigured(t *testing.T) {
	h, _ := openHost(t, fakeSpec(t, "good"))
	if _, err := h.Plugin("fake").Configure(t.Context(), []byte(`"bad"`)); err != nil {
		t.Fatal(err)
	}
	first := h.Status()[0]
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "restart", func() bool { s := h.Status()[0]; return s.Up && s.PID != first.PID })
	if s := h.Status()[0]; s.Restarts != 1 || !s.Configured {
		t.Errorf("status after restart: %+v", s)
	}
	view, err := h.DCS().Read(t.Context(), "")
	if err != nil || string(view.Keys[0].Value) != "{}" {
		t.Errorf("read after restart: %+v, %v; want the last body that was accepted", view, err)
	}
}

// TestRestartedPluginThatRefusesItsBodyIsDown: nothing runs with another configuration than the current one.
func TestRestartedPluginThatRefusesItsBodyIsDown(t *testing.T) {
	h, _ := openHost(t, fakeSpec(t, "good"))
	p := h.Plugin("fake")
	p.mu.Lock()
	p.body = []byte(`"bad"`)
	p.mu.Unlock()
	must(t, syscall.Kill(h.Status()[0].PID, syscall.SIGKILL))
	eventually(t, "refusal", func() bool {
		return strings.Contains(h.Status()[0].Message, "no longer accepts its configuration: bad body")
	})
	if _, err := h.DCS().Read(t.Context(), ""); !errors.Is(err, ErrDown) {
		t.Errorf("read: %v, want ErrDown", err)
	}
}

func TestFrozenPluginIsKilledAndRestarted(t *testing.T) {
	t.Run("noticed by a call", func(t *testing.T) {
		h, _ := openHost(t, fakeSpec(t, "good"))
		first := h.Status()[0].PID
		began := time.Now()
		if _, err := readWithin(t, h, "stop", 300*time.Millisecond); err == nil {
			t.Fatal("read of a frozen plugin succeeded")
		}
		eventually(t, "restart", func() bool { s := h.Status()[0]; return s.Up && s.PID != first })
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("took %s, as if the missed deadline had not been noticed", took)
		}
	})
	t.Run("noticed by health", func(t *testing.T) {
		h, _ := openHost(t, fakeSpec(t, "good"))
		first := h.Status()[0].PID
		if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "restart", func() bool { s := h.Status()[0]; return s.Up && s.PID != first })
	})
}

func TestSlowCallHitsItsDeadlineAndThePluginStays(t *testing.T) {
	h, _ := openHost(t, fakeSpec(t, "good"))
	first := h.Status()[0].PID
	began := time.Now()
	if _, err := readWithin(t, h, "slow", 200*time.Millisecond); err == nil || time.Since(began) > 2*time.Second {
		t.Fatalf("slow read: %v after %s", err, time.Since(began))
	}
	eventually(t, "health after the suspicion", func() bool { return h.Status()[0].Message == "body {}" })
	if _, err := readWithin(t, h, "", time.Second); err != nil || h.Status()[0].PID != first {
		t.Errorf("plugin after a slow call: %v, %+v", err, h.Status()[0])
	}
}

func TestCommitCutOffIsUnknown(t *testing.T) {
	h, _ := openHost(t, fakeSpec(t, "good"))
	result := h.DCS().Commit(t.Context(), nil, []Write{{Key: "k"}})
	if result.Outcome != core.OutcomeUnknown {
		t.Errorf("commit of a plugin that died meanwhile: %+v, want unknown", result)
	}
}

func TestCrashAtStartLoopsWithBackOff(t *testing.T) {
	spec := fakeSpec(t, "crash")
	spec.Optional = true
	log := &record{}
	h := New(log.logger(), spec)
	if err := h.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three failures", func() bool { return strings.Count(log.String(), `"plugin is down"`) >= 3 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := h.Plugin("fake").Ready(ctx)
	for _, want := range []string{"exit status 7", "cannot open the flux capacitor"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell %q", err, want)
		}
	}
	if message := h.Status()[0].Message; strings.Contains(message, "\n") || !strings.Contains(message, "exit status 7") {
		t.Errorf("status says %q", message)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"restart_in":100000000`, `"restart_in":200000000`, `"restart_in":400000000`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %s", want)
		}
	}
}

// TestProbesLeaveNothingOpen opens and closes often enough for a leak of one descriptor to show.
func TestProbesLeaveNothingOpen(t *testing.T) {
	spec := fakeSpec(t, "good")
	spec.Transport = InsecureLocal
	probe := func() {
		p := NewProbe((&record{}).logger(), spec)
		must(t, p.Open(t.Context()))
		must(t, p.Close())
	}
	probe()
	before := openFiles(t)
	for range 10 {
		probe()
	}
	eventually(t, "as many open files as before", func() bool { return openFiles(t) <= before+2 })
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(files)
}

func TestPluginsOfOneDirectoryBelongToOneHost(t *testing.T) {
	spec := fakeSpec(t, "good")
	h, _ := openHost(t, spec)
	err := New((&record{}).logger(), spec).Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another supervisor uses") {
		t.Errorf("second host: %v", err)
	}
	if _, err := h.DCS().Read(t.Context(), ""); err != nil {
		t.Errorf("first host after that: %v", err)
	}
}

func TestWhatAPluginStartedDiesWithIt(t *testing.T) {
	spec := fakeSpec(t, "children")
	file := filepath.Join(filepath.Dir(spec.Command), "child")
	spec.Env = append(spec.Env, "PGVIGIL_TEST_CHILD="+file)
	h, _ := openHost(t, spec)
	child, first := readPID(t, file), h.Status()[0].PID
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the child", func() bool { return gone(child) })
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestHostileOutputHarmsNobody(t *testing.T) {
	h, log := openHost(t, fakeSpec(t, "hostile"))
	eventually(t, "suppressed lines", func() bool { return strings.Contains(log.String(), "plugin output suppressed") })
	if _, err := readWithin(t, h, "", 5*time.Second); err != nil {
		t.Errorf("read of a flooding plugin: %v", err)
	}
	if n := strings.Count(log.String(), "another line of noise"); n > 5000 {
		t.Errorf("%d lines of noise were logged", n)
	}
	for _, want := range []string{`"survived"`, `"cut_bytes":3080192`, fmt.Sprintf(`"pid":%d`, h.Status()[0].PID), `"plugin":"fake"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %s", want)
		}
	}
	if len(log.String()) > 8<<20 {
		t.Errorf("log has %d bytes", len(log.String()))
	}
}
