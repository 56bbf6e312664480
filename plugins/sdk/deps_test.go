// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the SDK to what its authors may pull in: a plugin of a third party must not drag in
// the supervisor, HCL, etcd or a database driver.
func TestImports(t *testing.T) {
	direct := []string{
		"github.com/hashicorp/go-hclog",
		"github.com/hashicorp/go-plugin",
		"github.com/pgvigil/pgvigil/proto",
		"golang.org/x/sys", // which grpc brings anyway
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	}
	check(t, direct, "go", "list", "-f", `{{join .Imports "\n"}}`, ".")
	// What go-plugin, grpc and protobuf bring along.
	indirect := []string{
		"github.com/fatih/color",
		"github.com/golang/protobuf",
		"github.com/hashicorp/yamux",
		"github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty",
		"github.com/oklog/run",
		"github.com/pgvigil/pgvigil/plugins/sdk",
		"golang.org/x/net",
		"golang.org/x/text",
		"google.golang.org/genproto/googleapis/rpc",
	}
	check(t, slices.Concat(direct, indirect), "go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, ".")
}

func check(t *testing.T, allowed []string, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	paths := strings.Fields(string(out))
	if len(paths) == 0 {
		t.Fatal("no packages listed")
	}
	for _, path := range paths {
		standard := !strings.Contains(strings.Split(path, "/")[0], ".")
		inside := func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
		if !standard && !slices.ContainsFunc(allowed, inside) {
			t.Errorf("%s must not be imported", path)
		}
	}
}
