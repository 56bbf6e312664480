// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// owner is user postgres or, without root, the caller.
func owner(t *testing.T) Owner {
	t.Helper()
	if os.Geteuid() != 0 {
		return Owner{"me", os.Geteuid(), os.Getegid()}
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return Owner{"postgres", uid, gid}
}

func planIn(dir string) *Plan {
	p := example()
	p.Dir = dir
	return p
}

// place stages and places, with what is to happen in between.
func place(t *testing.T, p *Plan, secrets string, force bool, between func()) ([]File, error) {
	t.Helper()
	s, err := NewStage(p, owner(t), secrets, false)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if between != nil {
		between()
	}
	return s.Place(force)
}

// tree is the content of all files below a directory, by their paths in it.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func TestPlace(t *testing.T) {
	p := planIn(filepath.Join(t.TempDir(), "etc", "pgvigil"))
	files, err := place(t, p, New, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	who, seen := owner(t), map[string]bool{}
	for _, f := range files {
		info, err := os.Stat(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		uid, mode := who.UID, fs.FileMode(0o600)
		if filepath.Base(f.Path) == Configuration {
			uid, mode = os.Geteuid(), 0o640
		}
		text, _ := os.ReadFile(f.Path)
		if ownerOf(info) != uid || info.Mode() != mode || f.Mode != fmt.Sprintf("%04o", mode) || seen[string(text)] || len(text) < 32 {
			t.Errorf("%s: mode %v, owner %d, %q", f.Path, info.Mode(), ownerOf(info), text)
		}
		seen[string(text)] = true
	}
	if got := tree(t, p.Dir); len(got) != 5 || got[Configuration] != string(p.HCL()) {
		t.Errorf("%d files: %v", len(got), got)
	}
}

// Ensure the secrets of the first host come to another, are kept from then on, and what differs is noticed.
func TestSecretsOfTheFirstHost(t *testing.T) {
	first, other := planIn(t.TempDir()), planIn(t.TempDir())
	if _, err := place(t, first, New, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := place(t, other, first.Dir, false, nil); err != nil {
		t.Fatal(err)
	}
	before, after := tree(t, first.Dir), tree(t, other.Dir)
	for _, name := range first.Secrets() {
		if before[name] != after[name] {
			t.Errorf("%s: %q, %q", name, before[name], after[name])
		}
	}
	if err := os.Remove(other.File(Configuration)); err != nil {
		t.Fatal(err)
	}
	files, err := place(t, other, "", false, nil)
	if err != nil || !files[0].Kept || tree(t, other.Dir)[superuserFile] != before[superuserFile] {
		t.Errorf("again: %+v, %v", files, err)
	}
	if err := os.WriteFile(first.File(apiFile), []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "api.password is there, and differs from " + first.Dir
	if _, err := place(t, other, first.Dir, true, nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("secrets that differ: %v", err)
	}
}

func TestForceKeepsABackup(t *testing.T) {
	p := planIn(t.TempDir())
	for n, text := range []string{"one\n", "two\n"} {
		if err := os.WriteFile(p.File(Configuration), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files, err := place(t, p, New, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		backup := files[len(files)-1].Backup
		want := fmt.Sprintf("%s.~%d~", p.File(Configuration), n+1)
		if kept, err := os.ReadFile(backup); err != nil || string(kept) != text || backup != want {
			t.Errorf("%s: %q, %v", backup, kept, err)
		}
	}
}

// Ensure nothing is left of a try that fails, whatever it fails at.
func TestAllOrNothing(t *testing.T) {
	for name, c := range map[string]struct {
		// there is a file that is in the way, from the start or from when the files were staged; mode is its.
		there   string
		mode    fs.FileMode
		late    bool
		secrets string
		want    string
	}{
		"configuration came": {Configuration, 0o644, true, New, "file exists"},
		"secret came":        {apiFile, 0o600, true, New, "file exists"},
		"secret open":        {apiFile, 0o644, false, New, "api.password must belong to "},
		"no such secrets":    {"pg_hba.txt", 0o644, false, "/nowhere", "secret of the first host: open /nowhere/superuser.password"},
	} {
		t.Run(name, func(t *testing.T) {
			p := planIn(t.TempDir())
			block := func() {
				path := p.File(c.there)
				if err := errors.Join(os.WriteFile(path, []byte("x"), c.mode), os.Chmod(path, c.mode)); err != nil {
					t.Fatal(err)
				}
			}
			if !c.late {
				block()
				block = nil
			}
			if _, err := place(t, p, c.secrets, false, block); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if got := tree(t, p.Dir); len(got) != 1 || got[c.there] != "x" {
				t.Errorf("left behind: %v", got)
			}
		})
	}
}

// Ensure a stage that is given up takes the directories along that were made for it.
func TestGivenUp(t *testing.T) {
	root := t.TempDir()
	s, err := NewStage(planIn(filepath.Join(root, "a", "b")), owner(t), New, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
