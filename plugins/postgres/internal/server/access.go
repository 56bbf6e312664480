// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// letIn lets PostgreSQL's account into the directories it needs, when this process is root; otherwise
// they are its own already. The plugin's directories become its own. The supervisor's run directory, where
// the launcher puts its files, gets its group and the sticky bit, so that it can make files there but not
// replace those of others.
func letIn(c *config.Config) error {
	if !c.OS.Drop {
		return nil
	}
	for _, dir := range []string{c.StateDir, c.RunDir} {
		if err := os.Chown(dir, int(c.OS.UID), int(c.OS.GID)); err != nil {
			return err
		}
	}
	if err := share(c.DaemonRunDir, c.OS, os.ModeSticky|0o770); err != nil {
		return err
	}
	if err := share(filepath.Dir(c.StateDir), c.OS, 0o710); err != nil {
		return err
	}
	for _, dir := range []string{c.StateDir, c.RunDir, c.DataDir, c.SocketDir, c.LogFile} {
		if err := enterable(filepath.Dir(dir), c.OS); err != nil {
			return err
		}
	}
	return nil
}

// share gives a directory of root's to the account's group with at least the given mode; one that the
// account may enter and, where asked for, write already is left as it is.
func share(dir string, a proc.Account, mode os.FileMode) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	need := uint32(1)
	if mode&0o020 != 0 {
		need = 3
	}
	if may(info, a, need) {
		return nil
	}
	if err := os.Chown(dir, -1, int(a.GID)); err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|mode)
}

// may tells whether the account has the permissions, as bits of one octal digit, on a file.
func may(info os.FileInfo, a proc.Account, need uint32) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := uint32(info.Mode().Perm())
	switch {
	case s.Uid == a.UID:
		mode >>= 6
	case s.Gid == a.GID || slices.Contains(a.Groups, s.Gid):
		mode >>= 3
	}
	return mode&need == need
}

// enterable tells which directory on the way to dir keeps the account out. What does not exist yet will
// be made so that it does not.
func enterable(dir string, a proc.Account) error {
	for ; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if !may(info, a, 1) {
			return fmt.Errorf("%s cannot be entered by user %s", dir, a.Name)
		}
	}
	return nil
}
