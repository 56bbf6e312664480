// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/account"
	"github.com/pgvigil/pgvigil/supervisor/internal/pgbin"
)

// binaries are pgvigil's programs as they lie in one directory.
var binaries = []string{
	"pgvigil", "pgvigild", "pgvigil-launcher", "plugins/pgvigil-plugin-etcd", "plugins/pgvigil-plugin-postgres",
}

// findBinaries returns the directory of pgvigil's programs, by default that of the running one.
func findBinaries(dir string) (string, error) {
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("path of this program: %w", err)
		}
		dir = filepath.Dir(self)
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	for _, name := range binaries {
		if err := pgbin.Executable(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("pgvigil's programs: %w (make build)", err)
		}
	}
	return dir, nil
}

// copyBinaries copies the programs for users who cannot reach the originals.
func copyBinaries(from, to string) error {
	if err := os.MkdirAll(filepath.Join(to, "plugins"), 0o755); err != nil {
		return err
	}
	for _, name := range binaries {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("copy of %s: %w", name, err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// unreachable returns the first directory on the way to dir, dir included, that the account may not pass; empty when
// there is none. Access lists beyond the mode are not looked at: whoever uses them gets a copy too many.
func unreachable(dir string, who account.Account) string {
	if who.Credential == nil {
		return ""
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil || !passable(info, who) {
			return at
		}
		if at == "/" {
			return ""
		}
	}
}

func passable(info os.FileInfo, who account.Account) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case ok && int(owner.Uid) == who.UID:
		return mode&0o100 != 0
	case ok && int(owner.Gid) == who.GID:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
