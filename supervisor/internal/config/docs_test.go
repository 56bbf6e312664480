// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"strings"
	"testing"
)

// The reference leaves out nothing that the schema has, and every attribute says what it is for.
func TestReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	documented(t, string(text), CoreSchema())
	documented(t, string(text), pluginSchema())
	documented(t, string(text), EmbeddedSchema())
}

// The first example of the reference is a configuration.
func TestReferenceExample(t *testing.T) {
	text, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```hcl\n")
	example, _, _ := strings.Cut(after, "```")
	if c := mustLoad(t, example); c.Cluster.Name != "demo" || c.Server.Host != "10.0.0.1" {
		t.Errorf("%+v", c)
	}
}

func documented(t *testing.T, text string, schema Block) {
	t.Helper()
	for _, a := range schema.Attributes {
		if a.Description == "" || !strings.Contains(text, "`"+a.Name+"`") && !strings.Contains(text, a.Name+" ") {
			t.Errorf("attribute %q is not documented", a.Name)
		}
		if a.Default != "" {
			if _, err := dataOf(a.Type, []byte(a.Default)); err != nil || a.Required {
				t.Errorf("attribute %q: default %s: %v", a.Name, a.Default, err)
			}
		}
	}
	for _, b := range schema.Blocks {
		if b.Description == "" || !strings.Contains(text, "`"+b.Type) {
			t.Errorf("block %q is not documented", b.Type)
		}
		documented(t, text, b.Body)
	}
}
