// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxSocketPath is what fits into a Unix socket address, without the closing zero.
	maxSocketPath = 107
	// socketNameLength is the length of the longest socket name a plugin makes ("plugin" and ten digits).
	socketNameLength = 16
)

// checkSocketPath refuses directories in which no socket could be made.
func checkSocketPath(s Spec) error {
	if n := len(s.socketDir()) + 1 + socketNameLength; n > maxSocketPath {
		return fmt.Errorf("plugin %s: socket path below %s would have %d bytes, more than the %d a Unix socket may have: choose a shorter run directory",
			s.Name, s.socketDir(), n, maxSocketPath)
	}
	return nil
}

// prepareDirectories makes the plugin's directories, private, and removes old sockets.
func prepareDirectories(s Spec) error {
	if err := sweepSockets(s.socketDir()); err != nil {
		return err
	}
	if err := privateDirectory(s.socketDir()); err != nil {
		return err
	}
	return errors.Join(entrustedDirectory(s.ownRunDir()), entrustedDirectory(s.ownStateDir()))
}

// privateDirectory makes sure that dir is a directory of ours that nobody else may enter.
func privateDirectory(dir string) error { return directoryOf(dir, os.Geteuid()) }

// entrustedDirectory is a private one whose owner a plugin of root's may have changed, so that what it starts
// under another account can use it.
func entrustedDirectory(dir string) error {
	if os.Geteuid() == 0 {
		return directoryOf(dir, anyOwner)
	}
	return privateDirectory(dir)
}

const anyOwner = -1

// directoryOf makes sure that dir is a directory of the owner that nobody else may enter.
func directoryOf(dir string, owner int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("directory of plugin: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("directory of plugin %s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if owner != anyOwner && int(st.Uid) != owner {
		return fmt.Errorf("directory %s belongs to user id %d, not to user id %d", dir, st.Uid, owner)
	}
	if st.Mode&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("mode of %s: %w", dir, err)
	}
	return nil
}

// sweepSockets removes what an earlier process left in the directory of its sockets, but for the record of
// its process group.
func sweepSockets(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("leftovers of plugin: %w", err)
	}
	for _, e := range entries {
		if e.Name() == groupFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("leftovers of plugin: %w", err)
		}
	}
	return nil
}

// lockPatience is how long a killed supervisor may take to die: its files are closed last.
const lockPatience = 2 * time.Second

// lockDirectory takes the run directory for this process until the file is closed, so that two supervisors
// cannot sweep away each other's plugins.
func lockDirectory(ctx context.Context, runDir string) (*os.File, error) {
	dir := filepath.Join(runDir, "plugins")
	if err := privateDirectory(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the plugin directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock of %s: %w", dir, err), f.Close())
		}
		if !wait(ctx, lockPatience/100) {
			return nil, errors.Join(fmt.Errorf("another supervisor uses %s", dir), f.Close())
		}
	}
}
