// SPDX-License-Identifier: Apache-2.0

package pgbin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// install writes programs that say they are PostgreSQL 17.
func install(t *testing.T, names []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		text := "#!/bin/sh\necho 'postgres (PostgreSQL) 17.6 (Debian 17.6-1)'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

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
		if err != nil || got.Version != want.version || got.Major != want.major {
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

func TestInspect(t *testing.T) {
	dir := install(t, programs)
	got, err := Inspect(t.Context(), dir)
	if err != nil || got.Bin != dir || got.Major != 17 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Inspect(t.Context(), install(t, programs[:3])); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), programs[3]) {
		t.Errorf("with a program missing: %v", err)
	}
	if err := notFound(nil); !strings.Contains(err.Error(), "--pg-bin") {
		t.Errorf("without any: %v", err)
	}
}
