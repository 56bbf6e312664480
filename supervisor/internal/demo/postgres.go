// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// postgres is an installation of PostgreSQL.
type postgres struct {
	bin, version string
	major        int
}

// programs are what the cluster runs of PostgreSQL.
var programs = []string{"postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_controldata"}

const oldest = 13

// places are where distributions and people put PostgreSQL's programs.
var places = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/bin", "/usr/local/pgsql/bin", "/usr/local/bin", "/opt/postgresql*/bin",
}

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)\S*`)

// findPostgres returns the installation in a directory, or the newest on this machine if bin is empty.
func findPostgres(ctx context.Context, bin string) (postgres, error) {
	if bin != "" {
		p, err := inspectPostgres(ctx, bin)
		if err != nil {
			return p, fmt.Errorf("--pg-bin %s %w: %w", bin, ErrUsage, err)
		}
		return p, nil
	}
	var found []postgres
	var errs []error
	for _, dir := range candidates(places, os.Getenv("PATH")) {
		p, err := inspectPostgres(ctx, dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return postgres{}, notFound(errs)
	}
	return slices.MaxFunc(found, func(a, b postgres) int { return a.major - b.major }), nil
}

func notFound(errs []error) error {
	text := "no PostgreSQL server programs found on this machine: install them (apt-get install postgresql, or " +
		"dnf install postgresql-server), or give --pg-bin"
	if len(errs) == 0 {
		return errors.New(text)
	}
	return fmt.Errorf("%s; unusable: %w", text, errors.Join(errs...))
}

// candidates are the directories that hold a program called postgres, each once.
func candidates(patterns []string, path string) []string {
	var dirs []string
	for _, pattern := range append(slices.Clone(patterns), filepath.SplitList(path)...) {
		found, _ := filepath.Glob(filepath.Join(pattern, "postgres"))
		for _, program := range found {
			dir := filepath.Dir(program)
			if real, err := filepath.EvalSymlinks(program); err == nil {
				dir = filepath.Dir(real)
			}
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

func inspectPostgres(ctx context.Context, bin string) (postgres, error) {
	for _, name := range programs {
		if err := executable(filepath.Join(bin, name)); err != nil {
			return postgres{}, err
		}
	}
	text, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return postgres{}, fmt.Errorf("version of %s: %w", filepath.Join(bin, "postgres"), err)
	}
	p, err := parseVersion(string(text))
	p.bin = bin
	return p, err
}

func parseVersion(text string) (postgres, error) {
	match := versionNumber.FindStringSubmatch(text)
	if match == nil {
		return postgres{}, fmt.Errorf("version of PostgreSQL: cannot make sense of %q", strings.TrimSpace(text))
	}
	major, err := strconv.Atoi(match[1])
	if err != nil {
		return postgres{}, err
	}
	if major < oldest {
		return postgres{}, fmt.Errorf("PostgreSQL %d is too old: %d or newer is needed", major, oldest)
	}
	return postgres{version: strings.TrimPrefix(match[0], "(PostgreSQL) "), major: major}, nil
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s: not an executable file", path)
	}
	return nil
}
