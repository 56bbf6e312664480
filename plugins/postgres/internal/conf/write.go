// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"errors"
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
// which nothing includes. A pg_hba.conf and pg_ident.conf that are not pgvigil's are kept as pg_hba.base.conf and
// pg_ident.base.conf, whose lines are used as long as the configuration has none.
func Write(c *config.Config, dir string, in Intent) (changed bool, err error) {
	err = errors.Join(keepBase(c, dir), keep(c, filepath.Join(dir, "pg_hba.conf"), filepath.Join(dir, hbaBase)),
		keep(c, filepath.Join(dir, "pg_ident.conf"), filepath.Join(dir, identBase)))
	if err != nil {
		return false, err
	}
	var kept [3]string
	for i, name := range []string{hbaBase, identBase, baseFile} {
		if kept[i], err = text(filepath.Join(dir, name)); err != nil {
			return false, err
		}
	}
	files := []struct{ path, content string }{
		{filepath.Join(dir, "pg_hba.conf"), hba(c, kept[0])},
		{filepath.Join(dir, "pg_ident.conf"), ident(c, kept[1])},
		{filepath.Join(dir, "postgresql.conf"), render(c, in, kept[2])},
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
	did, err := writeAuto(c, dir, in)
	return changed || did, err
}

// Written is when the newest of the files that a reload reads was written.
func Written(c *config.Config) time.Time {
	var newest time.Time
	for _, name := range []string{"postgresql.conf", baseFile, "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"} {
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
	aside := filepath.Join(dir, baseFile)
	if _, err := os.Stat(aside); err == nil {
		aside = filepath.Join(dir, foundFile)
	}
	return keep(c, filepath.Join(dir, "postgresql.conf"), aside)
}

// keep copies a file that is not pgvigil's.
func keep(c *config.Config, path, aside string) error {
	raw, err := text(path)
	if err != nil || raw == "" || strings.HasPrefix(raw, header) {
		return err
	}
	_, err = WriteFile(c.OS, aside, []byte(raw))
	return err
}

// text is what a file holds, nothing if there is none.
func text(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(raw), err
}

// writeAuto takes the parameters that pgvigil owns out of postgresql.auto.conf, where ALTER SYSTEM may have put them and
// where they would win. For a server that does not read our postgresql.conf they are put there: that file every server reads.
func writeAuto(c *config.Config, dir string, in Intent) (changed bool, err error) {
	path := filepath.Join(dir, "postgresql.auto.conf")
	raw, err := text(path)
	if err != nil {
		return false, err
	}
	want := withoutOwned(raw)
	if in.Elsewhere {
		mine := owned(c, in)
		delete(mine, "data_directory") // which PostgreSQL does not take from there
		want += lines(mine)
	}
	if want == raw {
		return false, nil
	}
	return WriteFile(c.OS, path, []byte(want))
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
