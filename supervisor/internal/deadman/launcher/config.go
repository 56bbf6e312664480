// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
)

// Config says what to run and where to keep the books.
type Config struct {
	RunDir  string   // existing directory for the launcher's files; only its owner should be able to write there
	DataDir string   // PostgreSQL's data directory, for the record and for refusing to start over survivors
	Command []string // the postmaster, program first

	// Output receives the postmaster's standard output and error. Must not be nil. Unless it is os.Stderr, this process's
	// own standard descriptors are pointed there once PostgreSQL has been forked.
	Output *os.File
	// Started is called once PostgreSQL has been forked and is on record. Must not be nil.
	Started func()
	// Log receives the launcher's own few lines. Must not be nil and must never block.
	Log *slog.Logger
}

// check makes paths absolute and refuses what cannot work.
func (c *Config) check() error {
	if c.RunDir == "" || c.DataDir == "" {
		return errors.New("run directory and data directory are required")
	}
	if len(c.Command) == 0 {
		return errors.New("no command to run")
	}
	var err error
	if c.RunDir, err = filepath.Abs(c.RunDir); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	program, err := exec.LookPath(c.Command[0])
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	if program, err = filepath.Abs(program); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	c.Command = append([]string{program}, c.Command[1:]...)
	return nil
}
