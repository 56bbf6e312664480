// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/sdk"
)

func lowerName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)

// least are the smallest values with which a cluster works.
var least = map[string]int{"max_connections": 10, "max_wal_senders": 3, "max_replication_slots": 3, "max_worker_processes": 2}

func (r *resolver) checkParameters() {
	for _, name := range slices.Sorted(maps.Keys(r.body.Parameters)) {
		value, path := r.body.Parameters[name], sdk.Path("parameters", name)
		hint, taken := Owned(lowerName(name))
		switch low := lowerName(name); {
		case taken:
			r.errorf(path, "parameter set by pgvigil", "%s cannot be set here: %s.", name, hint)
		case !parameterName.MatchString(name):
			r.errorf(path, "bad parameter name", "%q is no name of a PostgreSQL parameter.", name)
		case strings.ContainsAny(value, "\x00\n\r"):
			r.errorf(path, "bad value", "The value of %s must be one line.", name)
		case low == "wal_level" && !Workable(low, value):
			r.errorf(path, "replication impossible", "wal_level must be replica or logical, not %q.", value)
		case low == "fsync" && isOff(value), low == "full_page_writes" && isOff(value):
			r.found = append(r.found, sdk.Warnf(path, "data at risk", "With %s off a crash of the host destroys the database.", low))
		default:
			if !Workable(low, value) {
				r.errorf(path, "value too small", "%s must be at least %d for a cluster to work.", low, least[low])
			}
		}
	}
}

func isOff(v string) bool {
	return slices.Contains([]string{"off", "false", "no", "0"}, strings.ToLower(v))
}

// Workable tells whether a cluster works with a parameter's value.
func Workable(name, value string) bool {
	if name == "wal_level" {
		return slices.Contains([]string{"replica", "logical", "hot_standby", "archive"}, strings.ToLower(value))
	}
	n, err := strconv.Atoi(value)
	return err != nil || n >= least[name]
}

// forbidden are options of PostgreSQL's programs that pgvigil sets itself.
var forbidden = map[string][]string{
	"initdb":     {"-D", "--pgdata", "-U", "--username", "-W", "--pwprompt", "--pwfile", "-A", "--auth", "--auth-local", "--auth-host", "-N", "--no-sync", "-S", "--sync-only"},
	"basebackup": {"-D", "--pgdata", "-d", "--dbname", "-h", "--host", "-p", "--port", "-U", "--username", "-w", "-W", "--password", "--no-password", "-F", "--format", "-t", "--target", "-X", "--wal-method", "-R", "--write-recovery-conf", "-P", "--progress", "-N", "--no-sync", "-i", "--incremental"},
}

func (r *resolver) checkLines() {
	r.checkList(sdk.Path("hba"), r.body.HBA)
	r.checkList(sdk.Path("ident"), r.body.Ident)
	for i, line := range r.body.HBA {
		if slices.Contains(strings.Fields(line), "trust") {
			r.found = append(r.found, sdk.Warnf(sdk.Path("hba", strconv.Itoa(i)), "access without a password", "A trust line lets anybody in who reaches it."))
		}
	}
	r.checkOptions("initdb", r.body.InitDB.Options)
	r.checkOptions("basebackup", r.body.BaseBackup.Options)
	for _, c := range []struct{ name, value string }{{"archive_command", r.body.ArchiveCommand}, {"restore_command", r.body.RestoreCommand}} {
		if strings.ContainsAny(c.value, "\x00\n\r") {
			r.errorf(sdk.Path(c.name), "bad value", "%s must be one line.", c.name)
		}
	}
}

func (r *resolver) checkList(path []string, list []string) {
	for i, s := range list {
		if strings.ContainsAny(s, "\x00\n\r") {
			r.errorf(append(path, strconv.Itoa(i)), "bad line", "One element is one line.")
		}
	}
}

func (r *resolver) checkOptions(block string, options []string) {
	for i, o := range options {
		path := sdk.Path(block, "options", strconv.Itoa(i))
		name, _, _ := strings.Cut(o, "=")
		short := len(o) > 2 && o[1] != '-' && slices.Contains(forbidden[block], o[:2])
		switch {
		case !strings.HasPrefix(o, "-"):
			r.errorf(path, "bad option", "%q does not begin with a dash: write one option with its value as --name=value.", o)
		case short, slices.Contains(forbidden[block], name):
			r.errorf(path, "option set by pgvigil", "%s cannot be set here.", name)
		}
	}
}
