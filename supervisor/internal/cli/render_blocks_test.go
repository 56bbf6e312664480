// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os/exec"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// What render reads of the plugins' blocks is what the plugins say: names, types, defaults.
func TestRenderReadsThePluginsSchemas(t *testing.T) {
	for name, part := range map[string]config.Block{
		"haproxy": haproxySchema(), "keepalived": keepalivedSchema(), "pgbouncer": pgbouncerSchema(), "etcd": etcdSchema(),
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command("go", "run", "../../../plugins/"+name, "--schema").Output()
			if err != nil {
				t.Fatal(err)
			}
			whole := new(pluginv1.Block)
			if err := protojson.Unmarshal(out, whole); err != nil {
				t.Fatal(err)
			}
			isPart(t, part, whole)
		})
	}
}

func isPart(t *testing.T, part config.Block, whole *pluginv1.Block) {
	t.Helper()
	for _, mine := range part.Attributes {
		i := slices.IndexFunc(whole.GetAttributes(), func(a *pluginv1.Attribute) bool { return a.GetName() == mine.Name })
		if i < 0 {
			t.Errorf("the plugin has no attribute %s", mine.Name)
			continue
		}
		its := whole.GetAttributes()[i]
		if mine.Type != config.Type(its.GetType()) {
			t.Errorf("type of %s: %d, the plugin's is %s", mine.Name, mine.Type, its.GetType())
		}
		// For what a plugin requires, render has a value of its own while the block is missing.
		if !its.GetRequired() && mine.Default != its.GetDefaultJson() {
			t.Errorf("default of %s: %q, the plugin's is %q", mine.Name, mine.Default, its.GetDefaultJson())
		}
	}
	for _, mine := range part.Blocks {
		i := slices.IndexFunc(whole.GetBlocks(), func(b *pluginv1.NestedBlock) bool { return b.GetType() == mine.Type })
		if i < 0 {
			t.Errorf("the plugin has no block %s", mine.Type)
			continue
		}
		isPart(t, mine.Body, whole.GetBlocks()[i].GetBody())
	}
}
