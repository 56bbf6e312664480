// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// block is one of docs/quickstart.md: commands, and the hosts that run them.
type block struct {
	section string
	hosts   []string // empty for all
	inTurn  bool
	lines   []string
}

var (
	headOrBlock = regexp.MustCompile("(?ms)^## ([^\n]+)$|^```sh\n# on ([^\n]+)\n(.*?)^```$")
	hostName    = regexp.MustCompile(`node\d`)
)

// quickstart reads the document. A command that goes on in the next line is one.
func quickstart(t *testing.T) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile("../../docs/quickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for _, m := range headOrBlock.FindAllStringSubmatch(string(text), -1) {
		if m[1] != "" {
			section = m[1]
			continue
		}
		lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(m[3], "\\\n", " ")), "\n")
		blocks = append(blocks, block{section, hostName.FindAllString(m[2], -1), strings.HasSuffix(m[2], "one after the other"), lines})
	}
	if got, want := strings.Count(string(text), "```sh"), len(blocks); got != want {
		t.Fatalf("%d blocks of commands, of which %d say where", got, want)
	}
	return blocks
}
