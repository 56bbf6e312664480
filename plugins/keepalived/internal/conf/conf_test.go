// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/json"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

func TestDecode(t *testing.T) {
	good := map[string]any{
		"vip": "192.0.2.1", "follow": "haproxy", "track_file": "/run/a/b", "haproxy_socket": "/run/s", "haproxy_backend": "rw",
	}
	for name, c := range map[string]struct {
		attribute string
		value     any
		wrong     bool
	}{
		"as it is":               {"vip", "192.0.2.1", false},
		"IPv6":                   {"vip", "2001:db8::1", false},
		"prefix length":          {"vip", "192.0.2.1/24", true},
		"name":                   {"vip", "db.example", true},
		"no address":             {"vip", "", true},
		"loopback":               {"vip", "127.0.0.1", true},
		"unspecified":            {"vip", "0.0.0.0", true},
		"relative file":          {"track_file", "run/vrrp", true},
		"directory":              {"track_file", "/run/pgvigil/", true},
		"relative socket":        {"haproxy_socket", "admin.sock", true},
		"no backend":             {"haproxy_backend", "", true},
		"command in the backend": {"haproxy_backend", "rw;shutdown", true},
	} {
		t.Run(name, func(t *testing.T) {
			body := map[string]any{}
			for k, v := range good {
				body[k] = v
			}
			body[c.attribute] = c.value
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			_, found := Decode(sdk.Config{JSON: raw, Host: &pluginv1.HostContext{}})
			if sdk.HasErrors(found) != c.wrong {
				t.Errorf("got %v", found)
			}
			for _, d := range found {
				if sdk.HasErrors(found) && (len(d.GetPath()) != 1 || d.GetPath()[0] != c.attribute) {
					t.Errorf("it points at %v", d.GetPath())
				}
			}
		})
	}
}
