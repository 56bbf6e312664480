// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunRefuses(t *testing.T) {
	if err := (&Demo{}).Run(t.Context()); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("without a terminal: %v", err)
	}
	if err := (&Demo{Script: true, TTL: 1}).Run(t.Context()); !errors.Is(err, ErrUsage) {
		t.Errorf("with a ttl of a nanosecond: %v", err)
	}
}

func TestNoColor(t *testing.T) {
	for entry, want := range map[string]bool{"NO_COLOR=yes": true, "NO_COLOR=0": true, "NO_COLOR=": false, "COLOR=1": false} {
		if got := (&Demo{Environ: []string{entry}}).noColor(); got != want {
			t.Errorf("%s: %v", entry, got)
		}
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(path, []byte(strings.Repeat("line\n", 40)+"last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := tail(path, "node1")
	if lines := strings.Split(got, "\n"); len(lines) != tailLines+1 || lines[len(lines)-1] != "last" {
		t.Errorf("tail:\n%s", got)
	}
	if got := tail(path+"x", "node1"); !strings.Contains(got, "no such file") {
		t.Errorf("tail of nothing: %s", got)
	}
}

func TestParseLSN(t *testing.T) {
	for text, want := range map[string]uint64{"0/3000148": 0x3000148, "1/0": 1 << 32, "": 0, "0/0": 0, "x/1": 0} {
		if got, ok := parseLSN(text); got != want || ok != (want != 0) {
			t.Errorf("%q: %x, %v", text, got, ok)
		}
	}
}
