// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// PathIndex leads the path of a plugin's diagnostic, such as ["parameters", "wal_level"] or
// ["endpoint", "0", "url"], back to the place in the file.
type PathIndex struct {
	root   hcl.Range
	places map[string]hcl.Range
}

// Range is the place of path: of its longest beginning that stands in the file, and of the block as a whole
// where nothing of it does.
func (p PathIndex) Range(path []string) Range {
	for n := len(path); n > 0; n-- {
		if found, ok := p.places[pathKey(path[:n])]; ok {
			return rangeOf(found)
		}
	}
	return rangeOf(p.root)
}

// Diagnostic turns a finding of a plugin into one with a place.
func (p PathIndex) Diagnostic(severity Severity, summary, detail string, path []string) Diagnostic {
	return Diagnostic{Severity: severity, Summary: summary, Detail: detail, Range: p.Range(path)}
}

// Diagnostics returns an empty list that prints with the source lines of c, for findings of plugins.
func (c *Config) Diagnostics() *Diagnostics { return &Diagnostics{sources: c.sources} }

func pathKey(path []string) string { return strings.Join(path, "\x00") }

func (p PathIndex) add(b *decoded, path []string) {
	for i, l := range b.labels {
		p.put(l.at, path, "_label"+strconv.Itoa(i+1))
	}
	for name, v := range b.values {
		p.put(v.at, path, name)
		for key, at := range v.items {
			p.put(at, path, name, key)
		}
	}
	for typ, blocks := range b.blocks {
		p.put(blocks[0].header, path, typ)
		for i, x := range blocks {
			p.put(x.header, path, typ, strconv.Itoa(i))
			p.add(x, append(path[:len(path):len(path)], typ, strconv.Itoa(i)))
		}
		p.add(blocks[0], append(path[:len(path):len(path)], typ))
	}
}

func (p PathIndex) put(at hcl.Range, path []string, steps ...string) {
	key := pathKey(append(path[:len(path):len(path)], steps...))
	p.places[key] = at
}
