// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// The major versions of PostgreSQL that pgvigil is tested with.
const oldest, newest = 13, 18

// programs are those that pgvigil runs.
var programs = []string{"postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_controldata"}

// server is what is needed of the postgres block. Names are those of the plugin's schema.
type server struct {
	Listen string `json:"listen"`
	BinDir string `json:"bin_dir"`
}

func (d *Doctor) server() server {
	var s server
	// What is wrong with the block, the plugin says.
	_ = d.Config.DecodePart(d.Config.Postgres, config.Block{Attributes: []config.Attribute{
		{Name: "listen", Type: config.String}, {Name: "bin_dir", Type: config.String},
	}}, &s)
	return s
}

func (d *Doctor) postgres(ctx context.Context, r *report) {
	d.units(r, "/")
	const id = "postgresql.programs"
	dir := d.server().BinDir
	if dir == "" {
		dir = newestBinDir()
	}
	if dir == "" {
		r.fail(id, "install it, or set bin_dir in block postgres", "no PostgreSQL is where distributions put it")
		return
	}
	versions := map[int][]string{}
	for _, program := range programs {
		major, err := majorOf(ctx, filepath.Join(dir, program))
		if err != nil {
			r.fail(id, "install the package that has it, or set bin_dir in block postgres",
				"%s: %v", filepath.Join(dir, program), err)
			return
		}
		versions[major] = append(versions[major], program)
	}
	major, err := majorOf(ctx, filepath.Join(dir, "postgres"))
	switch {
	case err != nil:
		r.fail(id, "", "%v", err)
	case len(versions) > 1:
		r.fail(id, "install all of one version, or set bin_dir", "the programs in %s are of several versions: %v", dir, versions)
	case major < oldest:
		r.fail(id, "install PostgreSQL "+strconv.Itoa(oldest)+" or newer", "PostgreSQL %d in %s is too old", major, dir)
	case major > newest:
		r.warn(id, "", "PostgreSQL %d in %s is newer than what pgvigil is tested with, %d", major, dir, newest)
	default:
		r.ok(id, "PostgreSQL %d in %s: %s", major, dir, strings.Join(programs, ", "))
	}
	d.dataVersion(r, major)
}

// dataVersion compares the data directory with the programs.
func (d *Doctor) dataVersion(r *report, major int) {
	text, err := os.ReadFile(filepath.Join(d.Config.Server.DataDir, "PG_VERSION"))
	if err != nil {
		return // there is no data directory yet, or data says what is wrong with it
	}
	if has := strings.TrimSpace(string(text)); has != strconv.Itoa(major) {
		r.fail("postgresql.version", "set bin_dir to the programs of that version, or upgrade the data with pg_upgrade",
			"%s is of version %s, the programs are of %d", d.Config.Server.DataDir, has, major)
	} else {
		r.ok("postgresql.version", "%s is of that version", d.Config.Server.DataDir)
	}
}

var versionNumber = regexp.MustCompile(`PostgreSQL\) (\d+)`)

// majorOf runs a program for its version.
func majorOf(ctx context.Context, program string) (int, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0, err
	}
	found := versionNumber.FindSubmatch(out)
	if found == nil {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(string(found[1]))
}

// newestBinDir finds the newest PostgreSQL as the plugin does, where bin_dir is not set.
func newestBinDir() (best string) {
	var version float64
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		found, _ := filepath.Glob(pattern)
		for _, dir := range found {
			v, err := strconv.ParseFloat(strings.TrimPrefix(filepath.Base(filepath.Dir(dir)), "pgsql-"), 64)
			if _, missing := os.Stat(filepath.Join(dir, "postgres")); err == nil && missing == nil && v > version {
				best, version = dir, v
			}
		}
	}
	if _, err := os.Stat("/usr/bin/postgres"); best == "" && err == nil {
		return "/usr/bin"
	}
	return best
}
