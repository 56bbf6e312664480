// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

func decode(t *testing.T, body string) Body {
	t.Helper()
	b, err := Decode(sdk.Config{JSON: []byte(body), Host: &pluginv1.HostContext{Member: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestValidate(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"good", `{"consoles": ["host=/run/postgresql", "host=10.0.0.1 port=6433 user=x sslmode=require"], "databases": ["app"]}`, ""},
		{"good file", fileBody(`"app": "dbname='x y' pool_size=5", "*": ""`), ""},
		{"no consoles", `{"consoles": []}`, "consoles: no consoles"},
		{"no host", `{"consoles": ["port=6432"]}`, "consoles.0: invalid console"},
		{"two hosts", `{"consoles": ["host=a,b"]}`, "consoles.0: invalid console"},
		{"URL", `{"consoles": ["host=a", "postgres://a/b"]}`, "consoles.1: invalid console"},
		{"junk", `{"consoles": ["host=a port=x"]}`, "consoles.0: invalid console"},
		{"another database", `{"consoles": ["host=a dbname=app"]}`, "consoles.0: invalid console"},
		{"password in the open", `{"consoles": ["host=a password=x"]}`, "consoles.0: invalid console"},
		{"twice", `{"consoles": ["host=a", "host=a"]}`, "consoles.1: console listed twice"},
		{"two passwords", `{"consoles": ["host=a"], "password": "x", "password_file": "/x"}`, "password: two passwords"},
		{"no password file", `{"consoles": ["host=a"], "password_file": "/nowhere"}`, "password_file: unreadable file"},
		{"console as a database", `{"consoles": ["host=a"], "databases": ["pgbouncer"]}`, "databases.0: reserved name"},
		{"injection", `{"consoles": ["host=a"], "databases": ["a\"b"]}`, "databases.0: invalid name"},
		{"database twice", `{"consoles": ["host=a"], "databases": ["x", "x"]}`, "databases.1: database listed twice"},
		{"relative path", `{"consoles": ["host=a"], "databases_file": {"path": "x", "entries": {"a": ""}}}`, "databases_file.path: path is not absolute"},
		{"no directory", `{"consoles": ["host=a"], "databases_file": {"path": "/nowhere/x", "entries": {"a": ""}}}`, "databases_file.path: missing directory"},
		{"no entries", fileBody(``), "databases_file.entries: no entries"},
		{"name that no file takes", fileBody(`"a b": ""`), "databases_file.entries.a b: invalid name"},
		{"host", fileBody(`"a": "pool_size=1 host=b"`), "databases_file.entries.a: host in settings"},
		{"password", fileBody(`"a": "password=b"`), "databases_file.entries.a: password in settings"},
		{"line break", fileBody(`"a": "\n[pgbouncer]"`), "databases_file.entries.a: line break"},
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

func fileBody(entries string) string {
	return `{"consoles": ["host=a"], "databases_file": {"path": "/tmp/x", "entries": {` + entries + `}}}`
}

func TestWrite(t *testing.T) {
	f := &File{Path: filepath.Join(t.TempDir(), "databases.ini"), Entries: map[string]string{"app": "dbname=x pool_size=5", "*": ""}}
	primary := &pluginv1.Endpoint{Host: "fd00::1", Port: 5433}
	for _, want := range []bool{true, false} {
		if changed, err := f.Write(primary); err != nil || changed != want {
			t.Errorf("changed %v, %v, want %v", changed, err, want)
		}
	}
	raw, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	want := `;; Written by pgvigil, which writes it again when the primary changes.
[databases]
* = host='fd00::1' port=5433
app = host='fd00::1' port=5433 dbname=x pool_size=5
`
	if d := cmp.Diff(want, string(raw)); d != "" {
		t.Error(d)
	}
}
