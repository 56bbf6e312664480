// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

const taken = "# Taken over by pgvigil from the files of the server that it found here: yours to change once it was restarted.\n"

// Setting is one that a server read from a file.
type Setting struct{ Name, Value string }

// Found keeps what a running server that pgvigil did not start was configured with, before the first file is written: as
// the base of postgresql.conf its settings, without those that are pgvigil's, and its files of access.
func Found(c *config.Config, settings []Setting, hbaFile, identFile string) error {
	values := map[string]string{}
	for _, s := range settings {
		if _, mine := config.Owned(s.Name); !mine {
			values[s.Name] = s.Value
		}
	}
	path := filepath.Join(c.DataDir, baseFile)
	old, err := text(path)
	if err != nil {
		return err
	}
	if old == "" || strings.HasPrefix(old, taken) {
		if _, err := WriteFile(c.OS, path, []byte(taken+lines(values))); err != nil {
			return err
		}
	}
	return errors.Join(keep(c, hbaFile, filepath.Join(c.DataDir, hbaBase)), keep(c, identFile, filepath.Join(c.DataDir, identBase)))
}

// Ours tells whether the postgresql.conf in the data directory is pgvigil's.
func Ours(c *config.Config) bool {
	raw, err := text(filepath.Join(c.DataDir, "postgresql.conf"))
	return err == nil && strings.HasPrefix(raw, header)
}
