// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Fresh makes an empty directory beside the data directory, owned by PostgreSQL's account, in place of
// whatever an interrupted call left under that name.
func Fresh(c *config.Config, suffix string) (string, error) {
	if Mounted(c.DataDir) {
		return "", fmt.Errorf("%s is a mount point and cannot be replaced as a whole: set data_dir to a directory below it", c.DataDir)
	}
	dir := c.DataDir + suffix
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remains of an earlier try: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("directory of the data directory: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("new data directory: %w", err)
	}
	if err := c.OS.Own(dir); err != nil {
		return "", fmt.Errorf("owner of the new data directory: %w", err)
	}
	return dir, nil
}

// Place gives a complete directory its final name, durably. What stands there is moved to the name aside,
// unless aside is empty: then only an empty directory may stand there.
func Place(c *config.Config, dir, aside string) error {
	if aside != "" {
		if err := rename(c.DataDir, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("old data directory: %w", err)
		}
	} else if err := os.Remove(c.DataDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("empty data directory: %w", err)
	}
	return rename(dir, c.DataDir)
}

func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return conf.SyncDir(filepath.Dir(to))
}
