// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
)

// included tells whether a PgBouncer's configuration includes the databases_file, as far as that can be seen: one on
// another host, or one that may not be read, is taken to. Apply will see it by its effect.
func (s state) included(ctx context.Context, i *instance) error {
	settings, err := i.console.Query(ctx, "SHOW CONFIG")
	if err != nil {
		return err
	}
	n := slices.IndexFunc(settings, func(row console.Row) bool { return row["key"] == "conffile" })
	if n < 0 || !i.console.Local() {
		return nil
	}
	path := settings[n]["value"]
	if found, err := includes(path, s.body.File.Path, deepest); err != nil || found {
		return nil
	}
	return setupError(fmt.Sprintf("console %q: %s does not include the databases_file: it needs the line %q, and then a RELOAD",
		i.console.Name, path, "%include "+s.body.File.Path))
}

// deepest is how many files PgBouncer takes one inside the other.
const deepest = 10

var includeLine = regexp.MustCompile(`(?m)^[ \t]*%include[ \t]+(\S+)[ \t\r]*$`)

// includes tells whether a file includes another, itself or by files that it includes.
func includes(path, wanted string, depth int) (bool, error) {
	text, err := os.ReadFile(path)
	if err != nil || depth == 0 {
		return false, err
	}
	for _, line := range includeLine.FindAllSubmatch(text, -1) {
		next := string(line[1])
		if filepath.Clean(next) == filepath.Clean(wanted) {
			return true, nil
		}
		if found, err := includes(next, wanted, depth-1); found || err != nil {
			return found, err
		}
	}
	return false, nil
}
