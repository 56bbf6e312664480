// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// reservation is the content of a history file that stands for a timeline of another line of history.
const reservation = "# reserved by pgvigil: this timeline was used on another line of history\n"

// reserveTimelines writes the missing history files of the timelines after current up to least.
func reserveTimelines(c *config.Config, current, least uint32) error {
	const most = 10000
	if least > current && least-current > most {
		return refused("timeline %d is too far from %d", least, current)
	}
	for tli := current + 1; tli <= least; tli++ {
		path := filepath.Join(c.WAL(), wal.HistoryName(tli))
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if _, err := conf.WriteFile(c.OS, path, []byte(reservation)); err != nil {
			return fmt.Errorf("reservation of timeline %d: %w", tli, err)
		}
	}
	return nil
}

// removeReservations removes those of a promotion that never happened: recovery would take the last of
// them for its target, and refuse to start.
func removeReservations(c *config.Config, current uint32) error {
	names, err := os.ReadDir(c.WAL())
	if err != nil {
		return fmt.Errorf("log directory: %w", err)
	}
	for _, n := range names {
		name := n.Name()
		if !strings.HasSuffix(name, ".history") || name <= wal.HistoryName(current) {
			continue
		}
		path := filepath.Join(c.WAL(), name)
		raw, err := os.ReadFile(path)
		if err != nil || string(raw) != reservation {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reservation of a timeline: %w", err)
		}
	}
	return nil
}
