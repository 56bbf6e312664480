// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pgvigil/pgvigil/plugins/etcd/internal/etcdtest"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

func decode(t *testing.T, body string) Body {
	t.Helper()
	b, err := Decode(sdk.Config{JSON: []byte(body), Host: &pluginv1.HostContext{Member: "mdw"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSchema(t *testing.T) {
	if err := sdk.CheckSchema(Schema()); err != nil {
		t.Error(err)
	}
}

func TestDefaults(t *testing.T) {
	b := decode(t, `{"endpoints": ["http://10.0.0.1:2379"], "keepalive_timeout": 1000000000}`)
	c, err := b.Store()
	if err != nil {
		t.Fatal(err)
	}
	if c.RequestTimeout != 2*time.Second || c.KeepAliveTimeout != time.Second {
		t.Errorf("got %+v", c)
	}
}

func TestEmbeddedMembersAreTheEndpoints(t *testing.T) {
	const embedded = `"embedded": {"data_dir": "/d", "listen_client": "http://0.0.0.0:2379", "listen_peer": "http://0.0.0.0:2380",
		"members": {"standby": "http://10.0.0.2:2380", "mdw": "http://[fd00::1]:2380"}}`
	b := decode(t, "{"+embedded+"}")
	if d := cmp.Diff([]string{"http://[fd00::1]:2379", "http://10.0.0.2:2379"}, b.Endpoints); d != "" {
		t.Error(d)
	}
	if b.Embedded.Name != "mdw" {
		t.Errorf("name is %q", b.Embedded.Name)
	}
	b = decode(t, `{"endpoints": ["http://vip:2379"], `+embedded+"}")
	if d := cmp.Diff([]string{"http://vip:2379"}, b.Endpoints); d != "" {
		t.Error(d)
	}
}

func TestValidate(t *testing.T) {
	certs := etcdtest.NewCertificates(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, body, want string }{
		{"good", `{"endpoints": ["http://a:2379", "http://b:2379"]}`, ""},
		{"good with TLS", `{"endpoints": ["https://a:2379"], "tls": {"ca_file": "` + certs.CA + `", "cert_file": "` + certs.ClientCert + `", "key_file": "` + certs.ClientKey + `"}}`, ""},
		{"no endpoints", `{}`, "endpoints: no endpoints"},
		{"not a URL", `{"endpoints": ["http://a:2379", "b:2379"]}`, "endpoints.1: invalid endpoint"},
		{"no port", `{"endpoints": ["http://a"]}`, "endpoints.0: invalid endpoint"},
		{"with a path", `{"endpoints": ["http://a:1/x"]}`, "endpoints.0: invalid endpoint"},
		{"twice", `{"endpoints": ["http://a:1", "http://a:1"]}`, "endpoints.1: endpoint listed twice"},
		{"mixed", `{"endpoints": ["http://a:1", "https://b:1"]}`, "endpoints: mixed schemes"},
		{"TLS unused", `{"endpoints": ["http://a:1"], "tls": {}}`, "tls: TLS without https"},
		{"half a pair", `{"endpoints": ["https://a:1"], "tls": {"cert_file": "/x"}}`, "tls: half a key pair"},
		{"no such file", `{"endpoints": ["https://a:1"], "tls": {"ca_file": "/nowhere"}}`, "tls: unusable certificate"},
		{"key of another", `{"endpoints": ["https://a:1"], "tls": {"cert_file": "` + certs.ClientCert + `", "key_file": "` + certs.ServerKey + `"}}`, "tls: unusable certificate"},
		{"unchecked", `{"endpoints": ["https://a:1"], "tls": {"insecure_skip_verify": true}}`, "tls.insecure_skip_verify: server certificates are not checked"},
		{"two passwords", `{"endpoints": ["https://a:1"], "username": "u", "password": "p", "password_file": "/x"}`, "password: two passwords"},
		{"no user", `{"endpoints": ["https://a:1"], "password": "p"}`, "username: password without user"},
		{"no password", `{"endpoints": ["https://a:1"], "username": "u"}`, "username: user without password"},
		{"no password file", `{"endpoints": ["https://a:1"], "username": "u", "password_file": "/nowhere"}`, "password_file: unreadable file"},
		{"empty password", `{"endpoints": ["https://a:1"], "username": "u", "password_file": "` + empty + `"}`, "password_file: empty password"},
		{"password in the clear", `{"endpoints": ["http://a:1"], "username": "u", "password": "p"}`, "username: password without TLS"},
		{"not among the members", embeddedBody(`"name": "z"`), "embedded.name: not among the members"},
		{"two members", embeddedBody(`"name": "a"`), "embedded.members: even number of members"},
		{"election", embeddedBody(`"name": "a", "heartbeat": 100000000, "election": 400000000`), "embedded.election: election too short"},
		{"listen", embeddedBody(`"name": "a", "listen_peer": "x"`), "embedded.listen_peer: invalid URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, d := range Validate(decode(t, test.body)) {
				got = append(got, strings.Join(d.GetPath(), ".")+": "+d.GetSummary())
			}
			all := strings.Join(got, "\n")
			if test.want == "" && all != "" || !strings.Contains(all, test.want) {
				t.Errorf("got %q, want %q", all, test.want)
			}
		})
	}
}

// embeddedBody is a body with an embedded block of two members, and more attributes, of which the last wins.
func embeddedBody(more string) string {
	return `{"embedded": {"data_dir": "/d", "listen_client": "http://10.0.0.1:2379", "listen_peer": "http://10.0.0.1:2380",
		"members": {"a": "http://10.0.0.1:2380", "b": "http://10.0.0.2:2380"}, ` + more + `}}`
}
