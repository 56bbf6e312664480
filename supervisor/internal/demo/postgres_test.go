// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVersion(t *testing.T) {
	cases := map[string]struct {
		version string
		major   int
		wrong   string
	}{
		"postgres (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)\n": {"17.6", 17, ""},
		"postgres (PostgreSQL) 18beta1\n":                      {"18beta1", 18, ""},
		"postgres (PostgreSQL) 9.6.24\n":                       {"", 0, "too old"},
		"something else\n":                                     {"", 0, "cannot make sense"},
	}
	for text, want := range cases {
		got, err := parseVersion(text)
		if want.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), want.wrong) {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || got.version != want.version || got.major != want.major {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestCandidatesAreNamedOnce(t *testing.T) {
	real := install(t, programs)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	got := candidates([]string{real, filepath.Join(filepath.Dir(link), "*")}, link+":"+t.TempDir())
	if diff := cmp.Diff([]string{real}, got); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
}

func TestFindPostgres(t *testing.T) {
	dir := install(t, programs)
	got, err := findPostgres(t.Context(), dir)
	if err != nil || got.bin != dir || got.major != 17 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := findPostgres(t.Context(), install(t, programs[:3])); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), programs[3]) {
		t.Errorf("with a program missing: %v", err)
	}
	if err := notFound(nil); !strings.Contains(err.Error(), "--pg-bin") {
		t.Errorf("without any: %v", err)
	}
}

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
