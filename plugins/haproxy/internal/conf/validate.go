// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// longestPath is what fits into a socket's address, in bytes.
const longestPath = 107

// Validate checks what the schema cannot say. It looks at nothing but the body.
func Validate(_ context.Context, c sdk.Config) []*pluginv1.Diagnostic {
	b, found := Decode(c)
	if found != nil {
		return found
	}
	return slices.Concat(b.checkSockets(), checkPaths("master_sockets", b.MasterSockets), b.checkBackends(),
		b.checkPool(), b.checkNewServer(), b.checkConfigFile())
}

func (b Body) checkSockets() []*pluginv1.Diagnostic {
	if len(b.Sockets) == 0 {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("sockets"), "no sockets",
			"Name the path in HAProxy's \"stats socket\" line.")}
	}
	return checkPaths("sockets", b.Sockets)
}

func checkPaths(attribute string, paths []string) []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	for i, path := range paths {
		at := sdk.Path(attribute, strconv.Itoa(i))
		switch {
		case !filepath.IsAbs(path):
			found = append(found, sdk.Errorf(at, "socket is not an absolute path",
				"Begin it with a slash; addresses of other hosts are not taken."))
		case len(path) > longestPath:
			found = append(found, sdk.Errorf(at, "path of the socket is too long", "It may have %d bytes.", longestPath))
		case slices.Contains(paths[:i], path):
			found = append(found, sdk.Errorf(at, "socket stands twice", "Remove one %q.", path))
		}
	}
	return found
}

// Name tells whether HAProxy takes s as the name of a backend or server.
func Name(s string) bool { return regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`).MatchString(s) }

func (b Body) checkBackends() []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	if !Name(b.PrimaryBackend) {
		found = append(found, badName("primary_backend"))
	}
	if b.ReplicaBackend != "" && !Name(b.ReplicaBackend) {
		found = append(found, badName("replica_backend"))
	}
	if b.PrimaryBackend == b.ReplicaBackend {
		found = append(found, sdk.Errorf(sdk.Path("replica_backend"), "one backend for both",
			"Give reads a backend of their own, or leave replica_backend out."))
	}
	return found
}

func badName(attribute string) *pluginv1.Diagnostic {
	return sdk.Errorf(sdk.Path(attribute), "not the name of a backend", "HAProxy's names are of letters, digits and - _ . : only.")
}

// checkPool warns of what does nothing.
func (b Body) checkPool() []*pluginv1.Diagnostic {
	if b.ReplicaBackend != "" {
		return nil
	}
	var found []*pluginv1.Diagnostic
	if b.MaxLag != nil {
		found = append(found, idle("max_lag"))
	}
	if len(b.Tags) > 0 {
		found = append(found, idle("tags"))
	}
	return found
}

func idle(attribute string) *pluginv1.Diagnostic {
	return sdk.Warnf(sdk.Path(attribute), attribute+" does nothing", "It is about the replica backend: set replica_backend.")
}

func (b Body) checkNewServer() []*pluginv1.Diagnostic {
	at := sdk.Path("new_server")
	switch {
	case b.NewServer == "":
		return nil
	case strings.ContainsAny(b.NewServer, ";\n\\"):
		return []*pluginv1.Diagnostic{sdk.Errorf(at, "not the options of one server", "Remove semicolons, backslashes and line ends.")}
	case !slices.Contains(strings.Fields(b.NewServer), "check"):
		return []*pluginv1.Diagnostic{sdk.Errorf(at, "new servers would have no health check",
			"Begin with \"check port 8008\": without a check a server stays as it was last told to be, also when pgvigil is gone.")}
	}
	return nil
}

func (b Body) checkConfigFile() []*pluginv1.Diagnostic {
	f := b.ConfigFile
	if f == nil {
		return nil
	}
	var found []*pluginv1.Diagnostic
	refuse := func(wrong bool, attribute, summary, detail string) {
		if wrong {
			found = append(found, sdk.Errorf(sdk.Path("config_file", attribute), summary, "%s", detail))
		}
	}
	const relative, slash = "not an absolute path", "Begin it with a slash."
	const lines, oneLine = "more than a line", "Remove line ends and #."
	refuse(!filepath.IsAbs(f.Path), "path", relative, slash)
	refuse(slices.Contains(f.Main, f.Path), "path", "the file is the site's own",
		"Name another: the plugin never writes a file that others write.")
	refuse(f.PrimaryBind == "", "primary_bind", "nowhere to connect", "Name an address, such as \"*:5000\".")
	refuse(severalLines(f.PrimaryBind), "primary_bind", lines, oneLine)
	refuse((f.ReplicaBind == "") != (b.ReplicaBackend == ""), "replica_bind", "replica_bind and replica_backend go together",
		"Set both or neither.")
	refuse(severalLines(f.ReplicaBind), "replica_bind", lines, oneLine)
	refuse(severalLines(f.Server), "default_server", lines, oneLine)
	refuse(!filepath.IsAbs(f.Program), "program", relative, slash)
	refuse(len(f.Reload)+len(b.MasterSockets) == 0, "reload", "no way to reload HAProxy", "Set it, or set master_sockets.")
	return found
}

func severalLines(s string) bool { return strings.ContainsAny(s, "\n#") }
