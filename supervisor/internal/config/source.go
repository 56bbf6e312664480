// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of one file. They keep the parser, which recurses, far from the end of its stack.
const (
	maxFileBytes = 256 << 10
	maxNesting   = 100
)

// source is one configuration file.
type source struct {
	name  string
	bytes []byte
	// public tells that users other than owner and group may read the file.
	public bool
	body   *hclsyntax.Body
	// broken tells that the parser gave up somewhere: what seems to be missing may only be unread.
	broken bool
	// secrets are pieces never to be printed.
	secrets []hcl.Range
	// shown are the lines as they may be printed, known being how many secrets they already lack.
	shown []string
	known int
}

type sources []*source

func (s sources) find(name string) *source {
	if i := slices.IndexFunc(s, func(x *source) bool { return x.name == name }); i >= 0 {
		return s[i]
	}
	return nil
}

// order is the place of a file in the order of loading; what is in no file comes last.
func (s sources) order(name string) int {
	if i := slices.IndexFunc(s, func(x *source) bool { return x.name == name }); i >= 0 {
		return i
	}
	return len(s)
}

// maskedLine is the first line of r without its secrets.
func (s sources) maskedLine(r Range) (string, bool) {
	src := s.find(r.File)
	if src == nil || r.Start.Line < 1 {
		return "", false
	}
	lines := src.lines()
	if r.Start.Line > len(lines) {
		return "", false
	}
	return strings.TrimRight(lines[r.Start.Line-1], "\r"), true
}

// lines are the lines without their secrets, made once as long as no secret is added.
func (s *source) lines() []string {
	if s.shown == nil || s.known != len(s.secrets) {
		s.shown, s.known = strings.Split(string(s.masked()), "\n"), len(s.secrets)
	}
	return s.shown
}

// parse reads the HCL. It always leaves a body, which may be empty.
func (s *source) parse(diags *Diagnostics) {
	s.body = &hclsyntax.Body{}
	if depth := nesting(s.bytes); depth > maxNesting {
		s.broken = true
		diags.Append(Diagnostic{Error, "Nested too deeply", fmt.Sprintf("Brackets are nested %d deep; a configuration needs no more than %d.", depth, maxNesting), Range{File: s.name}})
		return
	}
	file, found := hclsyntax.ParseConfig(s.bytes, s.name, hcl.InitialPos)
	s.broken = found.HasErrors()
	diags.appendHCL(found)
	if file == nil {
		return
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		s.body = body
	}
}

// nesting is how deep brackets nest, strings and comments included.
func nesting(src []byte) int {
	depth, deepest := 0, 0
	for _, c := range src {
		switch c {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return deepest
}

// readSources reads the files that paths stand for, in order, each once.
func readSources(paths []string, diags *Diagnostics) sources {
	var out sources
	for _, path := range paths {
		for _, name := range expand(path, diags) {
			if out.find(name) != nil {
				continue
			}
			if src := readSource(name, diags); src != nil {
				out = append(out, src)
			}
		}
	}
	return out
}

func readSource(name string, diags *Diagnostics) *source {
	info, err := os.Stat(name)
	if err != nil {
		diags.Append(unreadable(name, err))
		return nil
	}
	if !info.Mode().IsRegular() {
		diags.Append(Diagnostic{Error, "Not a regular file", "A configuration file must be a regular file or a link to one.", Range{File: name}})
		return nil
	}
	if info.Size() > maxFileBytes {
		diags.Append(Diagnostic{Error, "File too large", fmt.Sprintf("It has %d bytes; a configuration file may have %d.", info.Size(), maxFileBytes), Range{File: name}})
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		diags.Append(unreadable(name, err))
		return nil
	}
	return &source{name: name, bytes: text, public: info.Mode().Perm()&0o004 != 0}
}

func unreadable(name string, err error) Diagnostic {
	return Diagnostic{Error, "Cannot read the configuration", fmt.Sprintf("Reading %s failed: %v.", name, reason(err)), Range{File: name}}
}

// reason is the cause without the operation and path around it.
func reason(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

// expand turns a path into files. A directory stands for its pgvigil.hcl followed by conf.d/*.hcl in
// lexical order or, where it has no pgvigil.hcl, for its own *.hcl.
func expand(path string, diags *Diagnostics) []string {
	info, err := os.Stat(path)
	if err != nil {
		diags.Append(unreadable(path, err))
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	main := filepath.Join(path, mainFile)
	if _, err := os.Stat(main); err == nil {
		return append([]string{main}, listHCL(filepath.Join(path, dropInDir), diags)...)
	}
	names := listHCL(path, diags)
	if len(names) == 0 {
		diags.Append(Diagnostic{Error, "No configuration found", fmt.Sprintf("There is neither a %s nor any other .hcl file in %s.", mainFile, path), Range{File: path}})
	}
	return names
}

const (
	mainFile  = "pgvigil.hcl"
	dropInDir = "conf.d"
)

// listHCL lists the *.hcl files of dir in lexical order; a directory that does not exist has none.
func listHCL(dir string, diags *Diagnostics) []string {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		diags.Append(unreadable(dir, err))
		return nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !ignored(e.Name()) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

// ignored tells what editors and package managers leave behind from configuration.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".hcl")
}
