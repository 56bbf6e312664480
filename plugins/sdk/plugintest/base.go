// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Subject is a plugin as the Base suite needs it.
type Subject struct {
	// Connect starts the plugin anew, not configured.
	Connect func(t testing.TB) *grpc.ClientConn
	// Body is one that Configure takes without an error; the schema's defaults may be left out.
	Body map[string]any
	// Host is where the plugin runs.
	Host *pluginv1.HostContext
}

// Base checks what every plugin promises, whatever its kind.
func Base(t *testing.T, s Subject) {
	t.Run("info", s.info)
	t.Run("schema", s.schema)
	t.Run("order", s.order)
	t.Run("junk", s.junk)
	t.Run("wrong_types", s.wrongTypes)
	t.Run("unsupported_argument", s.unsupportedArgument)
	t.Run("configure_again", s.configureAgain)
	t.Run("health", s.health)
	t.Run("unknown_calls", s.unknownCalls)
	t.Run("oversized_message", s.oversizedMessage)
	t.Run("stop", s.stop)
}

func (s Subject) info(t *testing.T) {
	base := pluginv1.NewBaseClient(s.Connect(t))
	info, err := base.Info(within(t, Patience), &pluginv1.InfoRequest{})
	if err != nil {
		t.Fatalf("info: %v", err)
	}
	if !regexp.MustCompile(`^[a-z][a-z0-9_-]*$`).MatchString(info.GetName()) {
		t.Errorf("name %q cannot be a block's label", info.GetName())
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+`).MatchString(info.GetVersion()) {
		t.Errorf("version %q is not semantic", info.GetVersion())
	}
	if !slices.Contains(info.GetApiVersions(), handshake.ProtocolVersion) {
		t.Errorf("api versions %v lack %d", info.GetApiVersions(), handshake.ProtocolVersion)
	}
	checkCapabilities(t, info)
}

func checkCapabilities(t *testing.T, info *pluginv1.InfoResponse) {
	t.Helper()
	kind, ok := kindNames()[info.GetKind()]
	if !ok {
		t.Fatalf("kind %s is unknown", info.GetKind())
	}
	if len(info.GetCapabilities()) == 0 {
		t.Error("no capabilities")
	}
	for _, c := range info.GetCapabilities() {
		if !strings.HasPrefix(c, kind+".") {
			t.Errorf("capability %q is not of kind %q", c, kind)
		}
	}
}

func kindNames() map[pluginv1.Kind]string {
	return map[pluginv1.Kind]string{
		pluginv1.Kind_KIND_DCS:      handshake.KindDCS,
		pluginv1.Kind_KIND_POSTGRES: handshake.KindPostgres,
		pluginv1.Kind_KIND_ROUTER:   handshake.KindRouter,
	}
}

func (s Subject) schema(t *testing.T) {
	if err := sdk.CheckSchema(s.schemaOf(t, s.Connect(t))); err != nil {
		t.Error(err)
	}
}

// order: nothing of the kind before Configure, and Validate is no Configure.
func (s Subject) order(t *testing.T) {
	conn := s.Connect(t)
	if got := kindCall(t, conn); got != codes.FailedPrecondition {
		t.Errorf("call before Configure: got %s, want %s", got, codes.FailedPrecondition)
	}
	if found := s.validate(t, conn, encode(t, withDefaults(t, s.schemaOf(t, conn), s.Body))); hasError(found) {
		t.Errorf("validate refuses what must be taken: %v", found)
	}
	if got := kindCall(t, conn); got != codes.FailedPrecondition {
		t.Errorf("call after Validate: got %s, want %s", got, codes.FailedPrecondition)
	}
	Configure(t, conn, s.Body, s.Host)
	if got := kindCall(t, conn); got == codes.FailedPrecondition {
		t.Errorf("call after Configure: got %s", got)
	}
}

// junk: a body that is no JSON object is an error diagnostic, and the plugin lives on.
func (s Subject) junk(t *testing.T) {
	conn := s.Connect(t)
	bodies := map[string][]byte{
		"empty":      nil,
		"null":       []byte("null"),
		"array":      []byte("[]"),
		"string":     []byte(`"x"`),
		"cut off":    []byte(`{"a":`),
		"two values": []byte(`{} {}`),
		"not UTF-8":  {'{', '"', 0xff, 0xfe, '"', ':', '1', '}'},
		"binary":     {0, 1, 2, 3, 255},
		"deep":       bytes.Repeat([]byte("["), 100_000),
	}
	for name, body := range bodies {
		if found := s.validate(t, conn, body); !hasError(found) {
			t.Errorf("%s: no error diagnostic", name)
		}
	}
	Configure(t, conn, s.Body, s.Host)
}

// wrongTypes: for each attribute, every JSON type that is not its own is an error that points at it.
func (s Subject) wrongTypes(t *testing.T) {
	conn := s.Connect(t)
	schema := s.schemaOf(t, conn)
	values := map[string]any{"boolean": true, "number": -1.5, "string": "\x00", "array": []any{1}, "object": map[string]any{"a": 1}}
	for _, a := range schema.GetAttributes() {
		for kind, v := range values {
			if fits(a.GetType(), kind) {
				continue
			}
			body := withDefaults(t, schema, s.Body)
			body[a.GetName()] = v
			found := s.validate(t, conn, encode(t, body))
			if !hasErrorAt(found, a.GetName()) {
				t.Errorf("%s set to a JSON %s: no error diagnostic there", a.GetName(), kind)
			}
		}
	}
}

// fits tells whether the values of wrongTypes that have this JSON type could be taken.
func fits(t pluginv1.Type, json string) bool {
	switch t {
	case pluginv1.Type_TYPE_BOOL:
		return json == "boolean"
	case pluginv1.Type_TYPE_NUMBER:
		return json == "number"
	case pluginv1.Type_TYPE_STRING:
		return json == "string"
	}
	return false
}

func (s Subject) unsupportedArgument(t *testing.T) {
	conn := s.Connect(t)
	body := withDefaults(t, s.schemaOf(t, conn), s.Body)
	body["no_such_attribute"] = 1
	resp, err := pluginv1.NewBaseClient(conn).Configure(within(t, Patience), &pluginv1.ConfigureRequest{
		ConfigJson: encode(t, body), Host: s.Host,
	})
	if err != nil {
		t.Fatalf("configure: %v", err)
	}
	if !hasErrorAt(resp.GetDiagnostics(), "no_such_attribute") {
		t.Errorf("no error diagnostic at the attribute: %v", resp.GetDiagnostics())
	}
	if got := kindCall(t, conn); got != codes.FailedPrecondition {
		t.Errorf("call after a refused Configure: got %s, want %s", got, codes.FailedPrecondition)
	}
}

// configureAgain: the same body again is fine, and a refused one leaves the plugin working.
func (s Subject) configureAgain(t *testing.T) {
	conn := s.Connect(t)
	Configure(t, conn, s.Body, s.Host)
	Configure(t, conn, s.Body, s.Host)
	resp, err := pluginv1.NewBaseClient(conn).Configure(within(t, Patience), &pluginv1.ConfigureRequest{
		ConfigJson: []byte("[]"), Host: s.Host,
	})
	if err != nil || !hasError(resp.GetDiagnostics()) {
		t.Errorf("junk: got %v, %v, want an error diagnostic", resp, err)
	}
	if got := kindCall(t, conn); got == codes.FailedPrecondition {
		t.Errorf("call after a refused Configure on a configured plugin: got %s", got)
	}
}

// health answers within its second, configured or not; the best of three calls counts, because the
// machine may be busy.
func (s Subject) health(t *testing.T) {
	conn := s.Connect(t)
	if resp := s.quickHealth(t, conn); resp.GetHealthy() {
		t.Error("healthy before Configure")
	}
	Configure(t, conn, s.Body, s.Host)
	s.quickHealth(t, conn)
}

func (s Subject) quickHealth(t *testing.T, conn *grpc.ClientConn) *pluginv1.HealthResponse {
	t.Helper()
	best := Patience
	var last *pluginv1.HealthResponse
	for range 3 {
		began := time.Now()
		resp, err := pluginv1.NewBaseClient(conn).Health(within(t, Patience), &pluginv1.HealthRequest{})
		if err != nil {
			t.Fatalf("health: %v", err)
		}
		last, best = resp, min(best, time.Since(began))
	}
	if best > time.Second {
		t.Errorf("health took %s at best, want less than a second", best)
	}
	return last
}

func (s Subject) unknownCalls(t *testing.T) {
	conn := s.Connect(t)
	Configure(t, conn, s.Body, s.Host)
	for _, method := range []string{"/plugin.v1.Base/NoSuchCall", "/plugin.v1.NoSuchService/Call"} {
		err := conn.Invoke(within(t, Patience), method, &pluginv1.InfoRequest{}, &pluginv1.InfoResponse{})
		if got := status.Code(err); got != codes.Unimplemented {
			t.Errorf("%s: got %s, want %s", method, got, codes.Unimplemented)
		}
	}
}

func (s Subject) oversizedMessage(t *testing.T) {
	conn := s.Connect(t)
	_, err := pluginv1.NewBaseClient(conn).Validate(within(t, Patience), &pluginv1.ValidateRequest{
		ConfigJson: make([]byte, handshake.MaxMessageBytes+1), Host: s.Host,
	})
	if got := status.Code(err); got != codes.ResourceExhausted {
		t.Errorf("message above the bound: got %s, want %s", got, codes.ResourceExhausted)
	}
	Configure(t, conn, s.Body, s.Host)
}

func (s Subject) stop(t *testing.T) {
	conn := s.Connect(t)
	Configure(t, conn, s.Body, s.Host)
	for range 2 {
		if _, err := pluginv1.NewBaseClient(conn).Stop(within(t, Patience), &pluginv1.StopRequest{}); err != nil {
			t.Fatalf("stop: %v", err)
		}
	}
	if got := kindCall(t, conn); got != codes.Unavailable && got != codes.FailedPrecondition {
		t.Errorf("call after Stop: got %s, want %s or %s", got, codes.Unavailable, codes.FailedPrecondition)
	}
}

func (s Subject) schemaOf(t testing.TB, conn *grpc.ClientConn) *pluginv1.Block {
	t.Helper()
	resp, err := pluginv1.NewBaseClient(conn).Schema(within(t, Patience), &pluginv1.SchemaRequest{})
	if err != nil {
		t.Fatalf("schema: %v", err)
	}
	return resp.GetBody()
}

func (s Subject) validate(t testing.TB, conn *grpc.ClientConn, body []byte) []*pluginv1.Diagnostic {
	t.Helper()
	resp, err := pluginv1.NewBaseClient(conn).Validate(within(t, Patience), &pluginv1.ValidateRequest{
		ConfigJson: body, Host: s.Host,
	})
	if err != nil {
		t.Fatalf("validate: %v", err)
	}
	return resp.GetDiagnostics()
}

// hasErrorAt tells whether an error points at the named member of the body.
func hasErrorAt(all []*pluginv1.Diagnostic, name string) bool {
	return slices.ContainsFunc(all, func(d *pluginv1.Diagnostic) bool {
		return d.GetSeverity() == pluginv1.Severity_SEVERITY_ERROR && len(d.GetPath()) > 0 && d.GetPath()[0] == name
	})
}
