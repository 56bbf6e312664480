// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// WriteFile makes path hold data, durably and atomically, readable by the account alone, and tells
// whether it held something else before.
func WriteFile(a proc.Account, path string, data []byte) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return false, fmt.Errorf("temporary file for %s: %w", path, err)
	}
	if err := fill(f, a, data); err != nil {
		_ = os.Remove(f.Name())
		return false, fmt.Errorf("temporary file for %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		_ = os.Remove(f.Name())
		return false, fmt.Errorf("replacement of %s: %w", path, err)
	}
	return true, SyncDir(filepath.Dir(path))
}

func fill(f *os.File, a proc.Account, data []byte) error {
	_, err := f.Write(data)
	if err == nil && a.Drop {
		err = f.Chown(int(a.UID), int(a.GID))
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// SyncDir flushes a directory, so that what was renamed or removed in it stays so after a power loss.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("flush of directory %s: %w", dir, err)
	}
	return nil
}
