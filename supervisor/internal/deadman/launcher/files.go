// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// lockRunDir takes the run directory for this process. The lock ends with the process, and PostgreSQL does not inherit it.
func lockRunDir(runDir string) (*os.File, error) {
	return lock(filepath.Join(runDir, deadman.LockFile), os.O_RDWR|os.O_CREATE)
}

// How long to wait for a lock, and how often to try: a launcher whose PostgreSQL has ended may not be quite gone.
const (
	lockPatience = time.Second
	lockInterval = 10 * time.Millisecond
)

func lock(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for deadline := time.Now().Add(lockPatience); ; <-tick.C {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("another launcher holds %s: %w", path, err)
		}
	}
}

// removeFiles removes what a launcher leaves for others to see, except for the record of its end.
func removeFiles(runDir string) error {
	return errors.Join(remove(runDir, deadman.SocketFile), remove(runDir, deadman.RecordFile))
}

func remove(runDir, name string) error {
	err := os.Remove(filepath.Join(runDir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// writeJSON replaces a file as a whole. No fsync: the files speak of this boot only.
func writeJSON(runDir, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	path := filepath.Join(runDir, name)
	temp := path + ".new"
	if err := os.WriteFile(temp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
