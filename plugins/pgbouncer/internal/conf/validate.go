// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Validate checks what the schema cannot say. What may come right later, such as a file that is missing, is a warning:
// it must not keep a host from starting.
func Validate(b Body) []*pluginv1.Diagnostic {
	found := b.validateConsoles()
	found = append(found, b.validatePassword()...)
	for i, name := range b.Databases {
		found = append(found, validateName(name, "databases", strconv.Itoa(i))...)
		if slices.Contains(b.Databases[:i], name) {
			found = append(found, sdk.Errorf(sdk.Path("databases", strconv.Itoa(i)), "database listed twice", "%q stands in the list already.", name))
		}
	}
	if b.File != nil {
		found = append(found, b.File.validate()...)
	}
	return found
}

func (b Body) validateConsoles() []*pluginv1.Diagnostic {
	if len(b.Consoles) == 0 {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("consoles"), "no consoles",
			`List the admin console of each PgBouncer, such as "host=/run/postgresql port=6432 user=pgvigil".`)}
	}
	var found []*pluginv1.Diagnostic
	for i, conninfo := range b.Consoles {
		path := sdk.Path("consoles", strconv.Itoa(i))
		if err := console.Check(conninfo); err != nil {
			found = append(found, sdk.Errorf(path, "invalid console", "%v.", err))
		}
		if slices.Contains(b.Consoles[:i], conninfo) {
			found = append(found, sdk.Errorf(path, "console listed twice", "%q stands in the list already.", conninfo))
		}
	}
	return found
}

func (b Body) validatePassword() []*pluginv1.Diagnostic {
	if b.Password != "" && b.PasswordFile != "" {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("password"), "two passwords", "Remove password or password_file.")}
	}
	if _, err := b.Secret(); err != nil {
		return []*pluginv1.Diagnostic{sdk.Warnf(sdk.Path("password_file"), "unreadable file", "No console can be used before it can be read: %v.", err)}
	}
	return nil
}

// longestName is what PgBouncer's console takes as an argument.
const longestName = 63

func validateName(name string, path ...string) []*pluginv1.Diagnostic {
	switch {
	case name == "" || len(name) > longestName || strings.ContainsAny(name, "\"\x00\r\n"):
		return []*pluginv1.Diagnostic{sdk.Errorf(path, "invalid name of a database",
			"PgBouncer's console takes names of 1 to %d bytes without double quotes and line breaks.", longestName)}
	case name == "pgbouncer":
		return []*pluginv1.Diagnostic{sdk.Errorf(path, "reserved name", "pgbouncer is the admin console itself. Leave it out.")}
	}
	return nil
}

// inFile are the names that PgBouncer's parser takes.
var inFile = regexp.MustCompile(`^(\*|[0-9A-Za-z_.-]+)$`)

// ours are settings that the plugin writes itself or that do not belong into a file every user may read.
var ours = regexp.MustCompile(`(?:^|\s)(host|port|password)\s*=`)

func (f *File) validate() []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	if !filepath.IsAbs(f.Path) {
		found = append(found, sdk.Errorf(sdk.Path("databases_file", "path"), "path is not absolute", "Begin it with a slash."))
	} else if _, err := os.Stat(filepath.Dir(f.Path)); err != nil {
		found = append(found, sdk.Warnf(sdk.Path("databases_file", "path"), "missing directory", "The file cannot be written: %v.", err))
	}
	if len(f.Entries) == 0 {
		found = append(found, sdk.Errorf(sdk.Path("databases_file", "entries"), "no entries", `List the databases, such as { app = "pool_size=50" }.`))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Entries)) {
		found = append(found, validateEntry(name, f.Entries[name])...)
	}
	return found
}

func validateEntry(name, settings string) []*pluginv1.Diagnostic {
	path := sdk.Path("databases_file", "entries", name)
	found := validateName(name, path...)
	if len(found) == 0 && !inFile.MatchString(name) {
		found = append(found, sdk.Errorf(path, "invalid name of a database",
			"PgBouncer's files take names of letters, digits, _, . and - only, whatever its manual says about quotes. Others can be reached through \"*\"."))
	}
	if strings.ContainsAny(settings, "\x00\r\n") {
		found = append(found, sdk.Errorf(path, "line break in settings", "Write the settings of a database in one line."))
	}
	switch m := ours.FindStringSubmatch(settings); {
	case m == nil:
	case m[1] == "password":
		found = append(found, sdk.Errorf(path, "password in settings", "Put it into PgBouncer's auth_file: every user may read the databases_file."))
	default:
		found = append(found, sdk.Errorf(path, m[1]+" in settings", "Remove it: host and port are those of the primary."))
	}
	return found
}
