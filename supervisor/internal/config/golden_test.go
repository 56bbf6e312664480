// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the .want files anew")

// Every input in testdata/bad has something to say; what it says, in all three forms, stands beside it.
func TestBadInputs(t *testing.T) {
	inputs := inputsIn(t, "testdata/bad")
	if least := 25; len(inputs) < least {
		t.Fatalf("%d inputs, want at least %d", len(inputs), least)
	}
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			got := report(t, loadAll(testLoader(), input))
			if strings.Contains(got, "s3cret") {
				t.Error("a secret is shown")
			}
			compare(t, strings.TrimSuffix(input, ".hcl")+".want", got)
		})
	}
}

func inputsIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".hcl") {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

func compare(t *testing.T, wantFile, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(wantFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("other than %s (-want +got):\n%s", wantFile, diff)
	}
}

// testLoader sees neither this host nor its environment.
func testLoader() *Loader {
	return &Loader{
		LookupEnv: func(name string) (string, bool) {
			value, ok := map[string]string{"ETCD_PASSWORD": "s3cret", "CREDENTIALS_DIRECTORY": "testdata/credentials"}[name]
			return value, ok
		},
		Hostname:   func() (string, error) { return "mdw", nil },
		Executable: func() (string, error) { return "/usr/bin/pgvigild", nil },
	}
}

// loadAll does what the daemon does before it starts: the core, the embedded DCS, every plugin's body.
func loadAll(l *Loader, input string) *Diagnostics {
	diags := &Diagnostics{}
	srcs := readSources([]string{input}, diags)
	for _, src := range srcs {
		src.public = false // whatever the umask of the checkout was
	}
	c, diags := l.load(srcs, diags)
	if c == nil {
		return diags
	}
	_, found := c.Embedded()
	diags.Merge(found)
	for _, block := range c.Plugins() {
		_, _, found := c.DecodePlugin(block, testSchema(block.Name))
		diags.Merge(found)
	}
	return diags.finish()
}

func report(t *testing.T, diags *Diagnostics) string {
	t.Helper()
	var text, lines, js bytes.Buffer
	for _, err := range []error{diags.WriteText(&text, false), diags.WriteLines(&lines), diags.WriteJSON(&js)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Count(lines.Bytes(), []byte("\n")) != len(diags.List) {
		t.Error("not one line for each finding")
	}
	if n := strings.Count(js.String(), `"summary":`); n != len(diags.List) {
		t.Errorf("JSON has %d findings, not %d", n, len(diags.List))
	}
	return fmt.Sprintf("%s\n---- lines\n%s", text.String(), lines.String())
}

// testSchema stands for the plugins': small, with one attribute of each kind.
func testSchema(plugin string) Block {
	if plugin == "postgres" {
		return Block{
			Attributes: []Attribute{
				{Name: "connect", Type: String, Required: true, Description: "Where others reach PostgreSQL."},
				{Name: "listen", Type: String, Default: `"0.0.0.0:5432"`},
				{Name: "data_dir", Type: String, Required: true, Description: "PostgreSQL's data directory."},
				{Name: "use_rewind", Type: Bool, Default: "true"},
				{Name: "hba", Type: StringList},
				{Name: "parameters", Type: StringMap},
				{Name: "max_diverged_wal", Type: Size, Default: "1073741824"},
			},
			Blocks: []NestedBlock{{Type: "superuser", Required: true, Body: Block{Attributes: []Attribute{
				{Name: "username", Type: String, Default: `"postgres"`},
				{Name: "password", Type: String, Sensitive: true},
			}}}},
		}
	}
	return Block{
		Attributes: []Attribute{
			{Name: "endpoints", Type: StringList},
			{Name: "username", Type: String},
			{Name: "password", Type: String, Sensitive: true},
			{Name: "request_timeout", Type: Duration, Default: "2000000000", Minimum: bound(100_000_000), Description: "Longest time of one request."},
			{Name: "retries", Type: Number},
		},
		Blocks: []NestedBlock{
			{Type: "tls", Body: Block{Attributes: []Attribute{{Name: "ca_file", Type: String}}}},
			{Type: "embedded", Body: EmbeddedSchema()},
			{Type: "endpoint", Labels: []string{"name"}, Repeated: true, Body: Block{Attributes: []Attribute{{Name: "url", Type: String}}}},
		},
	}
}
