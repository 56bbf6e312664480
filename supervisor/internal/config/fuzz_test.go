// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"strings"
	"testing"
)

// A file of the largest size and nothing right in it is reported as a whole, in the time of a test.
func TestManyFindings(t *testing.T) {
	text := strings.Repeat("x=y\n", maxFileBytes/4)
	_, diags := testLoader().load(sources{{name: "many.hcl", bytes: []byte(text)}}, &Diagnostics{})
	if got := strings.Count(report(t, diags), "error: "); got < maxFileBytes/4 {
		t.Errorf("%d findings", got)
	}
}

// Whatever stands in a file: no panic, and an answer or a reason, which every form of output can print.
func FuzzLoad(f *testing.F) {
	for _, dir := range []string{"testdata/bad", "../../../contrib/examples/three-hosts", "../../../contrib/examples/embedded-dcs"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if text, err := os.ReadFile(dir + "/" + e.Name()); err == nil && strings.HasSuffix(e.Name(), ".hcl") {
				f.Add(text)
			}
		}
	}
	f.Add([]byte(bodies))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxFileBytes {
			return
		}
		loader := testLoader()
		srcs := sources{{name: "fuzz.hcl", bytes: text}}
		c, diags := loader.load(srcs, &Diagnostics{})
		if (c == nil) != diags.HasErrors() {
			t.Errorf("configuration %v, diagnostics:\n%s", c, linesOf(diags))
		}
		report(t, diags)
		if c == nil {
			return
		}
		_, found := c.Embedded()
		report(t, found)
		for _, block := range c.Plugins() {
			js, _, found := c.DecodePlugin(block, testSchema(block.Name))
			if (js == nil) != found.HasErrors() {
				t.Errorf("JSON %s, diagnostics:\n%s", js, linesOf(found))
			}
			report(t, found)
		}
	})
}
