// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

func TestTheSupervisorAcceptsTheConfigurationsOfTheNodes(t *testing.T) {
	options := standIns(t)
	options.Extra = "tags {\n  nofailover = false\n}\n"
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, n := range c.Nodes {
		loaded, findings := config.Load(n.ConfigFile())
		if findings.HasErrors() {
			t.Fatalf("%s: %v", n.ConfigFile(), findings)
		}
		if loaded.Cluster.Member != n.Name || loaded.RunDir != n.path("run") {
			t.Errorf("member %q with run_dir %q", loaded.Cluster.Member, loaded.RunDir)
		}
		embedded, findings := loaded.Embedded()
		if findings.HasErrors() || embedded == nil {
			t.Fatalf("embedded etcd of %s: %v", n.Name, findings)
		}
	}
}
