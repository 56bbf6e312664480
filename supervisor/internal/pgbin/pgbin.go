// SPDX-License-Identifier: Apache-2.0

// Package pgbin finds the installations of PostgreSQL on this machine.
package pgbin

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

// Installation is an installation of PostgreSQL.
type Installation struct {
	// Bin is the directory of its programs.
	Bin, Version string
	Major        int
}

// programs are what a cluster runs of PostgreSQL.
var programs = []string{"postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_controldata"}

const oldest = 13

// places are where distributions and people put PostgreSQL's programs.
var places = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/bin", "/usr/local/pgsql/bin", "/usr/local/bin", "/opt/postgresql*/bin",
}

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)\S*`)

// Find returns the installations on this machine, the newest first. What is found and cannot be used is in the error when nothing
// else is found.
func Find(ctx context.Context) ([]Installation, error) {
	var found []Installation
	var errs []error
	for _, dir := range candidates(places, os.Getenv("PATH")) {
		p, err := Inspect(ctx, dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return nil, notFound(errs)
	}
	slices.SortStableFunc(found, func(a, b Installation) int { return b.Major - a.Major })
	return found, nil
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

// Inspect returns the installation whose programs are in a directory.
func Inspect(ctx context.Context, bin string) (Installation, error) {
	for _, name := range programs {
		if err := Executable(filepath.Join(bin, name)); err != nil {
			return Installation{}, err
		}
	}
	text, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("version of %s: %w", filepath.Join(bin, "postgres"), err)
	}
	p, err := parseVersion(string(text))
	p.Bin = bin
	return p, err
}

func parseVersion(text string) (Installation, error) {
	match := versionNumber.FindStringSubmatch(text)
	if match == nil {
		return Installation{}, fmt.Errorf("version of PostgreSQL: cannot make sense of %q", strings.TrimSpace(text))
	}
	major, err := strconv.Atoi(match[1])
	if err != nil {
		return Installation{}, err
	}
	if major < oldest {
		return Installation{}, fmt.Errorf("PostgreSQL %d is too old: %d or newer is needed", major, oldest)
	}
	return Installation{Version: strings.TrimPrefix(match[0], "(PostgreSQL) "), Major: major}, nil
}

// Executable tells, by an error, why a path is no program.
func Executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s: not an executable file", path)
	}
	return nil
}
