// SPDX-License-Identifier: Apache-2.0

package basebackup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// Report is told what is going on, with bytes done and in all; 0 when they are not known.
type Report func(phase string, done, total uint64)

// Run copies source. The copy is made beside the data directory and takes its place when it is complete.
// With replace, what stood there is moved aside first and removed in the end, or kept when the
// configuration says that data is not to be removed.
func Run(ctx context.Context, c *config.Config, source conf.Peer, replace bool, report Report) error {
	dir, err := datadir.Fresh(c, ".clone")
	if err != nil {
		return err
	}
	report("copying", 0, 0)
	line := func(s string) {
		if done, total, ok := progress(s); ok {
			report("copying", done, total)
		}
	}
	if err := proc.Run(ctx, command(c, source, dir), line); err != nil {
		return fmt.Errorf("copy of %s: %w", source.Name, err)
	}
	if err := prepare(c, dir); err != nil {
		return err
	}
	report("placing", 0, 0)
	return place(c, dir, replace, report)
}

func command(c *config.Config, source conf.Peer, dir string) *exec.Cmd {
	args := []string{
		"-D", dir, "-d", conf.Conninfo(c, c.Replication, source, "pgvigil clone of "+c.Member, ""),
		"-X", "stream", "--no-password", "--progress", "--label=pgvigil", "--checkpoint=" + c.BaseBackup.Checkpoint,
	}
	if c.BaseBackup.MaxRate != "" {
		args = append(args, "--max-rate="+c.BaseBackup.MaxRate)
	}
	cmd := c.OS.Command(c.Program("pg_basebackup"), append(args, c.BaseBackup.Options...)...)
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return cmd
}

var kilobytes = regexp.MustCompile(`^(\d+)/(\d+) kB `)

// progress reads a line such as "12345/23456 kB (52%), 0/1 tablespace".
func progress(line string) (done, total uint64, ok bool) {
	m := kilobytes.FindStringSubmatch(line)
	if m == nil {
		return 0, 0, false
	}
	done, err := strconv.ParseUint(m[1], 10, 50)
	if err != nil {
		return 0, 0, false
	}
	total, err = strconv.ParseUint(m[2], 10, 50)
	return done << 10, total << 10, err == nil
}

// prepare makes the copy a standby's directory of this member.
func prepare(c *config.Config, dir string) error {
	for _, leftover := range []string{"postmaster.opts", "current_logfiles"} {
		if err := os.Remove(filepath.Join(dir, leftover)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("copy: %w", err)
		}
	}
	if _, err := conf.Write(c, dir, conf.Intent{}); err != nil {
		return err
	}
	if err := conf.SetStandby(c, dir); err != nil {
		return err
	}
	return datadir.Labelled.Set(c, dir)
}

func place(c *config.Config, dir string, replace bool, report Report) error {
	if !replace {
		return datadir.Place(c, dir, "")
	}
	if !c.RemoveDataOnRewindFailure {
		return datadir.Place(c, dir, c.DataDir+".replaced-"+time.Now().UTC().Format("20060102T150405"))
	}
	aside := c.DataDir + ".replaced"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("remains of an earlier clone: %w", err)
	}
	if err := datadir.Place(c, dir, aside); err != nil {
		return err
	}
	report("removing the old data", 0, 0)
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("old data directory: %w", err)
	}
	return nil
}
