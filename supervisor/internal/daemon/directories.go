// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// prepareDirectories makes the run and state directories and sees that they can be written.
func prepareDirectories(c *config.Config) error {
	for name, dir := range map[string]string{"run_dir": c.RunDir, "state_dir": c.StateDir} {
		if err := makeDir(dir); err != nil {
			return fmt.Errorf("%s %s cannot be made: %w", name, dir, err)
		}
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("%s %s cannot be written by user id %d, which the supervisor runs as: %w", name, dir, os.Geteuid(), err)
		}
	}
	return nil
}

// makeDir makes a private directory; those above it that are missing can be passed by everybody, since its
// owner will be another one than theirs.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}
