// SPDX-License-Identifier: Apache-2.0

package trackfile

import (
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, f *File, value int) {
	t.Helper()
	if err := f.Put(value); err != nil {
		t.Fatal(err)
	}
}

// TestPut: the same value again leaves the file alone, whatever else was done to it is repaired.
func TestPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "vrrp")
	f := Open(path)
	put(t, f, 2)
	first, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, 2)
	if second, err := os.Stat(path); err != nil || !os.SameFile(first, second) {
		t.Errorf("the same value again wrote another file: %v", err)
	}
	for name, harm := range map[string]func() error{
		"removed":     func() error { return os.Remove(path) },
		"overwritten": func() error { return os.WriteFile(path, []byte("7\n"), 0o600) },
		"replaced":    func() error { return os.Rename(path, path+".old") },
		"leftover below": func() error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), ".vrrp.new"), []byte("77777"), 0o600)
		},
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		put(t, f, 2)
		if raw, err := os.ReadFile(path); err != nil || string(raw) != "2\n" {
			t.Errorf("%s: got %q, %v", name, raw, err)
		}
	}
	if got := Open(path).Value(); got != 2 {
		t.Errorf("opened again: got %d", got)
	}
}

// TestIgnored: a file is ignored until somebody reads it, and again when it was put anew.
func TestIgnored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vrrp")
	f := Open(path)
	for value := range 3 {
		put(t, f, value)
		if !f.Ignored() {
			t.Fatalf("%d: not ignored though nobody read it; is %s on a file system without access times?", value, path)
		}
		if _, err := os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		if f.Ignored() {
			t.Errorf("%d: ignored though it was read", value)
		}
	}
}
