// SPDX-License-Identifier: Apache-2.0

package initdb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// Run makes the data directory. phase is told what is going on. The directory appears under its name only
// when it is complete; remains of an interrupted run are removed by the next.
func Run(ctx context.Context, c *config.Config, phase func(string)) error {
	dir, err := datadir.Fresh(c, ".bootstrap")
	if err != nil {
		return err
	}
	phase("initdb")
	version, err := datadir.ProgramVersion(ctx, c)
	if err != nil {
		return err
	}
	if err := proc.Run(ctx, command(c, dir, version), nil); err != nil {
		return err
	}
	phase("creating roles")
	if err := roles(ctx, c, dir); err != nil {
		return err
	}
	for _, name := range []string{"pg_hba.conf", "pg_ident.conf"} { // nobody's, and not to be kept
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if _, err := conf.Write(c, dir, conf.Intent{}); err != nil {
		return err
	}
	if err := conf.SetStandby(c, dir); err != nil {
		return err
	}
	return datadir.Place(c, dir, "")
}

func command(c *config.Config, dir string, version uint32) *exec.Cmd {
	args := []string{
		"-D", dir, "-U", c.Superuser.Username, "--auth-local=peer", "--auth-host=reject",
		"--encoding=" + c.InitDB.Encoding,
	}
	if c.InitDB.Locale != "" {
		args = append(args, "--locale="+c.InitDB.Locale)
	}
	const checksumsByDefault = 180000
	switch {
	case c.InitDB.DataChecksums:
		args = append(args, "--data-checksums")
	case version >= checksumsByDefault:
		args = append(args, "--no-data-checksums")
	}
	return c.OS.Command(c.Program("initdb"), append(args, c.InitDB.Options...)...)
}

// roles creates the roles in single-user mode: nobody can connect before it is done, and no password is
// on a command line.
func roles(ctx context.Context, c *config.Config, dir string) error {
	sql, err := Statements(c, map[string]bool{c.Superuser.Username: false})
	if err != nil {
		return err
	}
	sql = append([]string{"SET synchronous_commit = on"}, sql...)
	cmd := c.OS.Command(c.Program("postgres"), "--single", "-D", dir, "-c", "log_statement=none",
		"-c", "log_min_duration_statement=-1", "-c", "log_min_error_statement=panic", "-c", "exit_on_error=on", "postgres")
	cmd.Stdin = strings.NewReader(strings.Join(sql, "\n") + "\n")
	if err := proc.Run(ctx, cmd, nil); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	return nil
}
