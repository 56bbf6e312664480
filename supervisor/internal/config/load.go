// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"os"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Loader reads configurations. The zero Loader reads them as the daemon does.
type Loader struct {
	// LookupEnv finds a variable of the environment; nil is os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Hostname is the name of this host; nil is os.Hostname.
	Hostname func() (string, error)
	// Executable is the path of the running program, for the default plugin directory; nil is
	// os.Executable.
	Executable func() (string, error)
	// DCSOnly allows the postgres block to be missing, as on a host that runs nothing but a member of
	// the embedded DCS.
	DCSOnly bool
}

// Load reads the files and directories at paths with the zero Loader.
func Load(paths ...string) (*Config, *Diagnostics) {
	return new(Loader).Load(paths...)
}

// Load reads files and directories; a directory stands for its pgvigil.hcl and conf.d/*.hcl. Blocks add
// up over the files. It reports everything that is wrong with the core's own blocks; plugins' bodies
// are checked by DecodePlugin. With an error among the diagnostics the Config is nil.
func (l *Loader) Load(paths ...string) (*Config, *Diagnostics) {
	diags := &Diagnostics{}
	srcs := readSources(paths, diags)
	return l.load(srcs, diags)
}

// load decodes what was read.
func (l *Loader) load(srcs sources, diags *Diagnostics) (*Config, *Diagnostics) {
	l = l.complete()
	diags.sources = srcs
	if len(srcs) == 0 {
		if !diags.HasErrors() {
			diags.Append(Diagnostic{Severity: Error, Summary: "No configuration given", Detail: "Name a file or a directory."})
		}
		return nil, diags
	}
	incomplete := diags.HasErrors()
	for _, src := range srcs {
		src.parse(diags)
		incomplete = incomplete || src.broken
	}
	d := l.decoder(srcs, diags)
	d.incomplete = incomplete
	c := &Config{loader: l, sources: srcs}
	root := d.body(l.schema(), mergeBodies(srcs, diags), hcl.Range{Filename: srcs[0].name}, "")
	d.build(c, root)
	diags.finish()
	if diags.HasErrors() {
		return nil, diags
	}
	return c, diags
}

// complete fills in what the caller left nil.
func (l *Loader) complete() *Loader {
	out := *l
	if out.LookupEnv == nil {
		out.LookupEnv = os.LookupEnv
	}
	if out.Hostname == nil {
		out.Hostname = os.Hostname
	}
	if out.Executable == nil {
		out.Executable = os.Executable
	}
	return &out
}

func (l *Loader) decoder(srcs sources, diags *Diagnostics) *decoder {
	d := &decoder{diags: diags, sources: srcs, contexts: map[string]*hcl.EvalContext{}}
	for _, src := range srcs {
		d.contexts[src.name] = l.evalContext(src.name)
	}
	return d
}

func (l *Loader) schema() *Block {
	root := rootSchema()
	root.block(blockPostgres).Required = !l.DCSOnly
	return root
}

// mergeBodies puts the top levels of all files together. An attribute may be set in one of them.
func mergeBodies(srcs sources, diags *Diagnostics) *hclsyntax.Body {
	out := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	for _, src := range srcs {
		for _, name := range slices.Sorted(maps.Keys(src.body.Attributes)) {
			a := src.body.Attributes[name]
			if before, ok := out.Attributes[name]; ok {
				diags.errorf(a.NameRange, "Attribute set twice", "%q was set at %s already; set it in one place.", name, place(before.NameRange))
				continue
			}
			out.Attributes[name] = a
		}
		out.Blocks = append(out.Blocks, src.body.Blocks...)
	}
	return out
}

// build fills c from the decoded top level. Checks that need a value skip where it is unusable: that was
// reported already.
func (d *decoder) build(c *Config, root *decoded) {
	d.cluster(c, root)
	d.dirs(c, root)
	c.DCS = d.pluginBlock(c, root.first(blockDCS), blockDCS)
	c.Postgres = d.pluginBlock(c, root.first(blockPostgres), blockPostgres)
	d.routers(c, root)
	d.socketRoom(c, root)
	d.server(c)
	d.api(c, root)
	d.heartbeats(c, root)
	d.watchdog(c, root)
	d.tags(c, root)
	d.log(c, root)
}
