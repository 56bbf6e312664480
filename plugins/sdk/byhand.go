// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"io"
	"strings"

	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// byHand answers a person who started the plugin, and returns the exit status.
func byHand(p Plugin, args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 1 && args[0] == "--version":
		fmt.Fprintf(stdout, "pgvigil-plugin-%s %s (kind %s, protocol %d)\n",
			p.Name, p.Version, kindName(p.kind()), handshake.ProtocolVersion)
		return 0
	case len(args) == 1 && args[0] == "--schema":
		fmt.Fprintln(stdout, protojson.MarshalOptions{Multiline: true}.Format(p.schema()))
		return 0
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h"):
		help(p, stdout)
		return 0
	}
	help(p, stderr)
	return 1
}

func help(p Plugin, w io.Writer) {
	fmt.Fprintf(w, `pgvigil-plugin-%[1]s %[2]s is a plugin of pgvigil, kind %[3]s, protocol %[4]d.

It is started by pgvigild and does nothing by hand. To use it, place this file in pgvigild's plugin
directory under the name pgvigil-plugin-%[1]s and give the configuration a block such as

%[5]s
Options:
  --version  print name and version
  --schema   print the schema of the block as JSON
  --help     print this text
`, p.Name, p.Version, kindName(p.kind()), handshake.ProtocolVersion, sample(p))
}

// sample is the block a configuration needs at least, with every attribute explained.
func sample(p Plugin) string {
	var b strings.Builder
	head := fmt.Sprintf("%s %q", kindName(p.kind()), p.Name)
	if p.kind() == pluginv1.Kind_KIND_POSTGRES {
		head = handshake.KindPostgres
	}
	sampleBlock(&b, "    ", head, p.schema())
	return b.String()
}

func sampleBlock(b *strings.Builder, indent, head string, body *pluginv1.Block) {
	fmt.Fprintf(b, "%s%s {\n", indent, head)
	for _, a := range body.GetAttributes() {
		fmt.Fprintf(b, "%s  %s = <%s>%s  # %s\n", indent, a.GetName(), typeName(a.GetType()), need(a.GetRequired()), a.GetDescription())
	}
	for _, n := range body.GetBlocks() {
		nested := n.GetType()
		for _, l := range n.GetLabels() {
			nested += fmt.Sprintf(" <%s>", l)
		}
		sampleBlock(b, indent+"  ", nested, n.GetBody())
	}
	fmt.Fprintf(b, "%s}\n", indent)
}

func typeName(t pluginv1.Type) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(t.String(), "TYPE_")), "_", " ")
}

func need(required bool) string {
	if required {
		return " (required)"
	}
	return ""
}
