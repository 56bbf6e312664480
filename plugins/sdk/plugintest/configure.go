// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// Host makes the directories of a host context for a member, as a supervisor does. TTL is 5 s.
func Host(t testing.TB, member string) *pluginv1.HostContext {
	t.Helper()
	dir := Dir(t)
	h := &pluginv1.HostContext{
		Member:   member,
		Cluster:  "plugintest",
		RunDir:   filepath.Join(dir, "run", "plugin"),
		StateDir: filepath.Join(dir, "state", "plugin"),
		TtlNs:    int64(5 * time.Second),
	}
	for _, d := range []string{h.GetRunDir(), h.GetStateDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatalf("directory of the host: %v", err)
		}
	}
	return h
}

// Configure makes a body current on a plugin and fails the test unless it is taken without an error.
// Defaults of the schema need not stand in the body.
func Configure(t testing.TB, conn grpc.ClientConnInterface, body map[string]any, host *pluginv1.HostContext) {
	t.Helper()
	configure(t, conn, body, &pluginv1.ConfigureRequest{Host: host})
}

// Examine is Configure only to look, with directories of its own, as pgvigil doctor does.
func Examine(t testing.TB, conn grpc.ClientConnInterface, body map[string]any) {
	t.Helper()
	configure(t, conn, body, &pluginv1.ConfigureRequest{Host: Host(t, "m1"), Examine: true})
}

func configure(t testing.TB, conn grpc.ClientConnInterface, body map[string]any, req *pluginv1.ConfigureRequest) {
	t.Helper()
	base := pluginv1.NewBaseClient(conn)
	schema, err := base.Schema(within(t, Patience), &pluginv1.SchemaRequest{})
	if err != nil {
		t.Fatalf("schema: %v", err)
	}
	req.ConfigJson = encode(t, withDefaults(t, schema.GetBody(), body))
	resp, err := base.Configure(within(t, Patience), req)
	if err != nil {
		t.Fatalf("configure: %v", err)
	}
	for _, d := range resp.GetDiagnostics() {
		t.Logf("configure: %s %v: %s: %s", d.GetSeverity(), d.GetPath(), d.GetSummary(), d.GetDetail())
	}
	if hasError(resp.GetDiagnostics()) {
		t.Fatal("configure: refused")
	}
}

// withDefaults is a copy of body with the schema's defaults, also inside the blocks that stand in it.
func withDefaults(t testing.TB, schema *pluginv1.Block, body map[string]any) map[string]any {
	t.Helper()
	full := map[string]any{}
	for name, v := range body {
		full[name] = v
	}
	for _, a := range schema.GetAttributes() {
		if _, set := full[a.GetName()]; !set && a.GetDefaultJson() != "" {
			full[a.GetName()] = json.RawMessage(a.GetDefaultJson())
		}
	}
	for _, n := range schema.GetBlocks() {
		switch v := full[n.GetType()].(type) {
		case map[string]any:
			full[n.GetType()] = withDefaults(t, n.GetBody(), v)
		case []any:
			full[n.GetType()] = listWithDefaults(t, n.GetBody(), v)
		}
	}
	return full
}

func listWithDefaults(t testing.TB, schema *pluginv1.Block, list []any) []any {
	t.Helper()
	full := make([]any, len(list))
	for i, e := range list {
		full[i] = e
		if body, ok := e.(map[string]any); ok {
			full[i] = withDefaults(t, schema, body)
		}
	}
	return full
}

func encode(t testing.TB, body any) []byte {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	return raw
}

func hasError(all []*pluginv1.Diagnostic) bool {
	for _, d := range all {
		if d.GetSeverity() == pluginv1.Severity_SEVERITY_ERROR {
			return true
		}
	}
	return false
}

func stop(t testing.TB, conn grpc.ClientConnInterface) {
	t.Helper()
	ctx := within(t, Patience)
	if _, err := pluginv1.NewBaseClient(conn).Stop(ctx, &pluginv1.StopRequest{}); err != nil {
		t.Errorf("stop: %v", err)
	}
}
