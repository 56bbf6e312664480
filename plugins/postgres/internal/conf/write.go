// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Write brings the files in dir, which is the data directory or becomes it, in line with configuration
// and intent, and tells whether something changed. A postgresql.conf that is not pgvigil's is kept as
// postgresql.base.conf, which ours includes first, or, where there is such a file already, as postgresql.found.conf,
// which nothing includes.
func Write(c *config.Config, dir string, in Intent) (changed bool, err error) {
	if err := keepBase(c, dir); err != nil {
		return false, err
	}
	files := []struct{ path, content string }{
		{filepath.Join(dir, "pg_hba.conf"), hba(c)},
		{filepath.Join(dir, "pg_ident.conf"), ident(c)},
		{filepath.Join(dir, "postgresql.conf"), render(c, in)},
	}
	if err := WritePasswords(c); err != nil {
		return false, err
	}
	for _, f := range files {
		did, err := WriteFile(c.OS, f.path, []byte(f.content))
		if err != nil {
			return changed, err
		}
		changed = changed || did
	}
	did, err := cleanAuto(c, dir)
	return changed || did, err
}

// Written is when the newest of the files that a reload reads was written.
func Written(c *config.Config) time.Time {
	var newest time.Time
	for _, name := range []string{"postgresql.conf", base, "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"} {
		if info, err := os.Stat(filepath.Join(c.DataDir, name)); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}

// WritePasswords writes the password file, which PostgreSQL's programs need before there is any data.
func WritePasswords(c *config.Config) error {
	_, err := WriteFile(c.OS, c.PassFile, []byte(passfile(c)))
	return err
}

// keepBase moves a foreign postgresql.conf aside. Where postgresql.base.conf exists, the foreign one is that of another
// supervisor, written from its configuration and including the base: as the base it would include itself.
func keepBase(c *config.Config, dir string) error {
	path := filepath.Join(dir, "postgresql.conf")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && strings.HasPrefix(string(raw), header)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("postgresql.conf: %w", err)
	}
	aside := filepath.Join(dir, base)
	if _, err := os.Stat(aside); err == nil {
		aside = filepath.Join(dir, found)
	}
	_, err = WriteFile(c.OS, aside, raw)
	return err
}

// cleanAuto takes the parameters that pgvigil owns out of postgresql.auto.conf, where ALTER SYSTEM may
// have put them and where they would win.
func cleanAuto(c *config.Config, dir string) (changed bool, err error) {
	path := filepath.Join(dir, "postgresql.auto.conf")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("postgresql.auto.conf: %w", err)
	}
	clean := withoutOwned(string(raw))
	if clean == string(raw) {
		return false, nil
	}
	return WriteFile(c.OS, path, []byte(clean))
}

func withoutOwned(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if _, mine := config.Owned(strings.TrimSpace(name)); !mine {
			b.WriteString(line)
		}
	}
	return b.String()
}

// SetStandby makes a data directory that of a standby, whatever it was.
func SetStandby(c *config.Config, dir string) error {
	if err := remove(filepath.Join(dir, "recovery.signal")); err != nil {
		return err
	}
	path := filepath.Join(dir, "standby.signal")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	_, err := WriteFile(c.OS, path, nil)
	return err
}

// ClearStandby makes it a data directory for recovery without standby mode, which single-user mode needs.
func ClearStandby(dir string) error {
	if err := remove(filepath.Join(dir, "recovery.signal")); err != nil {
		return err
	}
	return remove(filepath.Join(dir, "standby.signal"))
}

func remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
