// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

// enterDataDir makes sure that ours will be the only PostgreSQL in the data directory: no other launcher holds it,
// whatever its run directory, and no process of an earlier PostgreSQL is left in it. PostgreSQL has a check of its own,
// by postmaster.pid and shared memory, but it fails both ways: it passes if somebody removed the file, and it refuses to
// start if the pid in the file has been given to another process of the same user, or belongs to a zombie. So the file
// is removed once it is proven stale.
func (l *Launcher) enterDataDir() error {
	held, err := lock(l.cfg.DataDir, os.O_RDONLY)
	if err != nil {
		return err
	}
	l.held = append(l.held, held)
	path := filepath.Join(l.cfg.DataDir, "postmaster.pid")
	before, err := readIfExists(path)
	if err != nil {
		return err
	}
	if err := refuseSurvivors(l.cfg.DataDir); err != nil {
		return err
	}
	return removeUnchanged(path, before)
}

func refuseSurvivors(dataDir string) error {
	empty, err := deadman.Empty(dataDir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dataDir, err)
	}
	if !empty {
		left, _ := deadman.Occupants(dataDir) // for the message only
		return fmt.Errorf("data directory %s is in use: %w: %v", dataDir, deadman.ErrNotEmpty, left)
	}
	return nil
}

// removeUnchanged removes the lock file if it still is the one that was there before the processes were looked at: a
// postmaster started by hand meanwhile has written its own.
func removeUnchanged(path string, before []byte) error {
	now, err := readIfExists(path)
	if err != nil || now == nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return fmt.Errorf("%s has just been written by another postmaster", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("stale lock file: %w", err)
	}
	return nil
}

func readIfExists(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock file: %w", err)
	}
	return b, nil
}
