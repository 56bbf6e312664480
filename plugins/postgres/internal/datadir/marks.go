// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Mark is a note about one data directory, kept outside it. It speaks of that very directory: a copy that
// takes its place has no marks.
type Mark string

const (
	// Rewinding says that pg_rewind has begun to change the directory and has not ended well.
	Rewinding Mark = "rewinding.json"
	// Promoted says that the directory was a primary's, so that a backup_label in it is a leftover.
	Promoted Mark = "promoted.json"
	// Labelled says that the backup_label in the directory belongs there: a clone or a rewind put it there.
	Labelled Mark = "labelled.json"
)

type identity struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

func identify(dir string) (identity, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return identity{}, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, errors.New("directory without an inode")
	}
	return identity{uint64(s.Dev), s.Ino}, nil
}

// Set makes the mark on a directory that is or becomes the data directory.
func (m Mark) Set(c *config.Config, dir string) error {
	id, err := identify(dir)
	if err != nil {
		return fmt.Errorf("mark on the data directory: %w", err)
	}
	raw, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("mark on the data directory: %w", err)
	}
	_, err = conf.WriteFile(c.OS, c.State(string(m)), raw)
	return err
}

// On tells whether the data directory has the mark.
func (m Mark) On(c *config.Config) (bool, error) {
	raw, err := os.ReadFile(c.State(string(m)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("mark on the data directory: %w", err)
	}
	var was identity
	if err := json.Unmarshal(raw, &was); err != nil {
		return false, fmt.Errorf("mark on the data directory: %w", err)
	}
	is, err := identify(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && is == was, err
}

// Clear takes the mark away.
func (m Mark) Clear(c *config.Config) error {
	err := os.Remove(c.State(string(m)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark on the data directory: %w", err)
	}
	return conf.SyncDir(c.StateDir)
}

// Untouched tells whether the data directory is as a clone or a rewind left it: its pg_control is another
// member's, so that it looks as if it had crashed.
func Untouched(cfg *config.Config) bool {
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "backup_label")); err != nil {
		return false
	}
	labelled, err := Labelled.On(cfg)
	return err == nil && labelled
}

// SetLabelAside moves a backup_label away that an exclusive backup left on a primary: with it recovery
// would begin in the past and wait for the end of a backup that never comes. A backup_label that a clone,
// a rewind or a restore by hand put there is left alone. It tells whether it did something.
func SetLabelAside(c *config.Config) (bool, error) {
	path := filepath.Join(c.DataDir, "backup_label")
	if _, err := os.Stat(path); err != nil {
		return false, nil
	}
	belongs, err := Labelled.On(c)
	if err != nil || belongs {
		return false, err
	}
	primary, err := Promoted.On(c)
	if err != nil || !primary {
		return false, err
	}
	return true, rename(path, path+".old")
}
