// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const bodies = `cluster "demo" {}
dcs "etcd" {
  endpoints       = ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]
  request_timeout = "1m30s"
  password        = credential("etcd")
  retries         = 3
  endpoint "a" {
    url = "http://a"
  }
  endpoint "b" {
    url = "http://b"
  }
  tls {}
  plugin {
    args = ["-v"]
  }
}
postgres {
  connect  = "10.0.0.1:5432"
  data_dir = null == null ? "/data" : ""
  max_diverged_wal = "16MB"
  parameters = {
    work_mem                  = "4MB"
    max_connections           = 200
    random_page_cost          = 1.1
    "pg_stat_statements.save" = false
  }
  superuser {
    password = "x"
  }
}
`

func TestDecodePlugin(t *testing.T) {
	c := mustLoad(t, bodies)
	for _, test := range []struct {
		block PluginBlock
		want  string
	}{
		{c.DCS, `{
			"endpoints": ["http://10.0.0.1:2379", "http://10.0.0.2:2379"],
			"request_timeout": 90000000000, "password": "s3cret", "retries": 3, "tls": {},
			"endpoint": [{"_label1": "a", "url": "http://a"}, {"_label1": "b", "url": "http://b"}]}`},
		{c.Postgres, `{
			"connect": "10.0.0.1:5432", "listen": "0.0.0.0:5432", "data_dir": "/data", "use_rewind": true,
			"max_diverged_wal": 16777216, "superuser": {"username": "postgres", "password": "x"},
			"parameters": {"work_mem": "4MB", "max_connections": "200", "random_page_cost": "1.1", "pg_stat_statements.save": "false"}}`},
	} {
		got, _, diags := c.DecodePlugin(test.block, testSchema(test.block.Name))
		if diags.HasErrors() {
			t.Fatal(linesOf(diags))
		}
		if diff := cmp.Diff(compact(t, test.want), compact(t, string(got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.block, diff)
		}
	}
}

// Part of a body can be had without its plugin's schema.
func TestDecodePart(t *testing.T) {
	c := mustLoad(t, bodies+`router "x" {
  a = "1"
  b = "2"
  nested {
    c = ["3"]
    d = "4"
  }
  unknown {}
  plugin {}
}`)
	type part struct {
		A, Z   string
		Nested struct{ C []string }
	}
	schema := Block{
		Attributes: []Attribute{{Name: "a", Type: String}, {Name: "z", Type: String, Default: `"5"`}},
		Blocks:     []NestedBlock{{Type: "nested", Body: Block{Attributes: []Attribute{{Name: "c", Type: StringList}}}}},
	}
	x, _ := c.Router("x")
	y, there := c.Router("y")
	if there {
		t.Error("a router out of nothing")
	}
	full, none := part{A: "1", Z: "5"}, part{Z: "5"}
	full.Nested.C = []string{"3"}
	for _, test := range []struct {
		block PluginBlock
		want  part
	}{{x, full}, {y, none}} {
		var got part
		if diags := c.DecodePart(test.block, schema, &got); len(diags.List) > 0 || !cmp.Equal(got, test.want) {
			t.Errorf("%q: got %+v, want %+v\n%s", test.block.Name, got, test.want, linesOf(diags))
		}
	}
	schema.Attributes[0].Type = Number
	if diags := c.DecodePart(x, schema, &part{}); !strings.Contains(linesOf(diags), `Unsuitable value of "a"`) {
		t.Errorf("got %s", linesOf(diags))
	}
}

// compact brings JSON into one form.
func compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestPathsLeadBack(t *testing.T) {
	c := mustLoad(t, bodies)
	for _, test := range []struct {
		block PluginBlock
		path  string
		want  string // the text at the place
	}{
		{c.DCS, "", `dcs "etcd"`},
		{c.DCS, "endpoints", `["http://10.0.0.1:2379", "http://10.0.0.2:2379"]`},
		{c.DCS, "endpoints.1", `"http://10.0.0.2:2379"`},
		{c.DCS, "endpoints.7", `["http://10.0.0.1:2379", "http://10.0.0.2:2379"]`},
		{c.DCS, "endpoint.1.url", `"http://b"`},
		{c.DCS, "endpoint.1._label1", `"b"`},
		{c.DCS, "endpoint.1.absent", `endpoint "b"`},
		{c.DCS, "tls.ca_file", `tls`},
		{c.DCS, "username", `dcs "etcd"`},
		{c.Postgres, "parameters.work_mem", `work_mem                  = "4MB"`},
		{c.Postgres, "parameters.pg_stat_statements/save", `"pg_stat_statements.save" = false`},
		{c.Postgres, "superuser.username", `superuser`},
		{c.Postgres, "superuser.password", `"x"`},
	} {
		_, paths, _ := c.DecodePlugin(test.block, testSchema(test.block.Name))
		var path []string
		if test.path != "" {
			path = strings.Split(test.path, ".")
		}
		for i := range path {
			path[i] = strings.ReplaceAll(path[i], "/", ".")
		}
		r := paths.Range(path)
		if got := bodies[r.Start.Byte:r.End.Byte]; got != test.want {
			t.Errorf("%s %s: %s, want %s", test.block, test.path, got, test.want)
		}
	}
}

// A finding of a plugin prints like one of ours.
func TestPluginFinding(t *testing.T) {
	c := mustLoad(t, bodies)
	_, paths, _ := c.DecodePlugin(c.Postgres, testSchema("postgres"))
	diags := c.Diagnostics()
	diags.Append(
		paths.Diagnostic(Error, "Parameter is pgvigil's", "Remove it.", []string{"parameters", "work_mem"}),
		paths.Diagnostic(Warning, "Weak password", "", []string{"superuser", "password"}),
	)
	var out bytes.Buffer
	if err := diags.WriteText(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[1;31mError\x1b[0m: Parameter is pgvigil's", "23 |     work_mem                  = \"4MB\"", "password = \"*\""} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestBrokenSchema(t *testing.T) {
	c := mustLoad(t, bodies)
	for _, a := range []Attribute{{Name: "n", Type: Number, Default: `"x"`}, {Name: "endpoints", Type: 99}} {
		schema := testSchema("etcd")
		schema.Attributes = append([]Attribute{a}, schema.Attributes...)
		if js, _, diags := c.DecodePlugin(c.DCS, schema); js != nil || !diags.HasErrors() {
			t.Errorf("%+v was taken", a)
		}
	}
	if js, _, diags := c.DecodePlugin(PluginBlock{Name: "x"}, Block{}); js != nil || !diags.HasErrors() {
		t.Error("a block that is not there was taken")
	}
}

func TestEmbedded(t *testing.T) {
	c := mustLoad(t, `cluster "demo" { member = "mdw" }
postgres { connect = "10.0.0.1:5432" }
dcs "etcd" {
  request_timeout = "whatever the plugin says"
  embedded {
    data_dir      = "/var/lib/pgvigil/etcd"
    listen_client = "https://[::]:2379"
    listen_peer   = "http://10.0.0.1:2380"
    members       = { standby = "http://[fd00::2]:2380", mdw = "http://10.0.0.1:2380", standby1 = "http://c:2380" }
  }
  tls {
    cert_file   = "/c"
    key_file    = "/k"
    server_name = "x"
  }
}`)
	got, diags := c.Embedded()
	if diags.HasErrors() {
		t.Fatal(linesOf(diags))
	}
	want := &Embedded{
		Cluster: "demo", Namespace: "/service", Name: "mdw", DataDir: "/var/lib/pgvigil/etcd",
		ListenClient: "https://[::]:2379", ListenPeer: "http://10.0.0.1:2380",
		Members:   map[string]string{"mdw": "http://10.0.0.1:2380", "standby": "http://[fd00::2]:2380", "standby1": "http://c:2380"},
		Endpoints: []string{"https://10.0.0.1:2379", "https://[fd00::2]:2379", "https://c:2379"},
		Heartbeat: 50 * time.Millisecond, Election: 500 * time.Millisecond, QuotaBytes: 512 << 20, CompactionRetention: time.Hour,
		ClientTLS: &EmbeddedTLS{CertFile: "/c", KeyFile: "/k"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e, diags := mustLoad(t, `cluster "demo" {}`+rest).Embedded(); e != nil || len(diags.List) > 0 {
		t.Error("an embedded DCS out of nothing")
	}
}
