// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// Absent tells whether there is no data directory, or an empty one.
func Absent(dir string) (bool, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(2)
	if len(names) == 0 || (len(names) == 1 && names[0] == "lost+found") {
		return true, nil
	}
	return false, err
}

// Usable tells why PostgreSQL of the given major version cannot be started on a directory that is not
// absent; nil when it can, as far as can be seen from outside.
func Usable(dir string, major int, a proc.Account) error {
	raw, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not empty and not a data directory of PostgreSQL", dir)
	}
	if err != nil {
		return fmt.Errorf("version of the data directory: %w", err)
	}
	got, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return fmt.Errorf("version of the data directory: %w", err)
	}
	if major != 0 && got != major {
		return fmt.Errorf("data directory is of PostgreSQL %d, the programs are of %d", got, major)
	}
	return owned(dir, a)
}

func owned(dir string, a proc.Account) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != a.UID {
		return fmt.Errorf("%s belongs to user %d, PostgreSQL runs as %s (%d)", dir, s.Uid, a.Name, a.UID)
	}
	if info.Mode().Perm()&0o027 != 0 {
		return fmt.Errorf("%s has mode %04o, PostgreSQL wants 0700 or 0750", dir, info.Mode().Perm())
	}
	return nil
}

// Mounted tells whether a directory is a mount point, which cannot be renamed.
func Mounted(dir string) bool {
	in, err := os.Stat(dir)
	if err != nil {
		return false
	}
	above, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		return false
	}
	a, ok := in.Sys().(*syscall.Stat_t)
	b, also := above.Sys().(*syscall.Stat_t)
	return ok && also && a.Dev != b.Dev
}
