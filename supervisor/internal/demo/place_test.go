// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/account"
)

// install writes empty programs.
func install(t *testing.T, names []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 17.6 (Debian 17.6-1)'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// short makes a directory whose path is short enough for sockets.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgvigil-place-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(t *testing.T, p *place) *place {
	t.Helper()
	if err := p.open(install(t, binaries)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlaceLeavesNothing(t *testing.T) {
	empty := short(t)
	for name, wanted := range map[string]string{"of its own": "", "new": filepath.Join(empty, "new"), "empty": short(t)} {
		t.Run(name, func(t *testing.T) {
			p := opened(t, &place{wanted: wanted})
			if err := os.WriteFile(filepath.Join(p.dir, "something"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := p.close(&teller{out: new(bytes.Buffer)}); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(p.dir)
			if p.existed && (err != nil || len(entries) > 0) || !p.existed && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}

func TestPlaceIsKept(t *testing.T) {
	var said bytes.Buffer
	p := opened(t, &place{keep: true})
	t.Cleanup(func() { os.RemoveAll(p.dir) })
	if err := p.close(&teller{out: &said}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.dir); err != nil || !strings.Contains(said.String(), p.dir) {
		t.Errorf("%v; said %q", err, said.String())
	}
}

func TestPlaceRefuses(t *testing.T) {
	full := short(t)
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := install(t, binaries)
	for wanted, want := range map[string]string{full: "not empty", "/tmp/" + strings.Repeat("x", 60): "too long"} {
		p := &place{wanted: wanted}
		if err := p.open(bin); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", wanted, err, want)
		}
		if err := p.close(&teller{out: new(bytes.Buffer)}); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(full, "mine")); err != nil {
		t.Errorf("what was there before: %v", err)
	}
	if err := (&place{}).open(install(t, binaries[1:])); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("without pgvigil's programs: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	top := short(t)
	closed := filepath.Join(top, "closed")
	inner := filepath.Join(closed, "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	other := account.Account{UID: os.Getuid() + 1, GID: os.Getgid() + 1, Credential: &syscall.Credential{}}
	if got := unreachable(inner, other); got != closed {
		t.Errorf("another user: %q, want %q", got, closed)
	}
	if got := unreachable(top, other); got != "" {
		t.Errorf("an open directory: %q", got)
	}
	other.UID = os.Getuid()
	if got := unreachable(inner, other); got != "" {
		t.Errorf("the owner: %q", got)
	}
}

func TestCopiedBinariesRun(t *testing.T) {
	to := filepath.Join(t.TempDir(), "bin")
	if err := copyBinaries(install(t, binaries), to); err != nil {
		t.Fatal(err)
	}
	if got, err := findBinaries(to); err != nil || got != to {
		t.Errorf("%s: %v", got, err)
	}
}
