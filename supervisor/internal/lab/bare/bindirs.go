// SPDX-License-Identifier: Apache-2.0

package bare

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// BinDirs are the directories of the PostgreSQL versions to test with: those in PGVIGIL_TEST_PG, separated by colons, or
// else the newest that is installed.
func BinDirs() ([]string, error) {
	if list := os.Getenv("PGVIGIL_TEST_PG"); list != "" {
		return strings.Split(list, ":"), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	more, err := filepath.Glob("/usr/pgsql-*/bin")
	if err != nil {
		return nil, err
	}
	if found = append(found, more...); len(found) == 0 {
		return nil, errors.New("no PostgreSQL under /usr/lib/postgresql or /usr/pgsql-*; set PGVIGIL_TEST_PG to its bin directory")
	}
	return []string{slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })}, nil
}

// version is the number in the name of a bin directory's parent, such as 17 of postgresql/17 or pgsql-17.
func version(bin string) int {
	name := filepath.Base(filepath.Dir(bin))
	number, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if err != nil {
		return 0
	}
	return number
}
