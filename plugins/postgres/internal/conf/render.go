// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

const (
	header    = "# Written by pgvigil, which replaces it: change the postgres block of its configuration instead.\n"
	baseFile  = "postgresql.base.conf"
	foundFile = "postgresql.found.conf"
	// hbaBase and identBase are the files of access that a server was found with.
	hbaBase   = "pg_hba.base.conf"
	identBase = "pg_ident.base.conf"
)

func itoa(p uint16) string { return strconv.Itoa(int(p)) }

// render is the content of postgresql.conf. What the base says wins over defaults, but not over what the configuration says.
func render(c *config.Config, in Intent, base string) string {
	values := map[string]string{}
	for name, value := range c.Defaults {
		if !settled(base, name) {
			values[name] = value
		}
	}
	maps.Copy(values, c.Parameters)
	for name, n := range in.Raised {
		values[name] = strconv.Itoa(n)
	}
	maps.Copy(values, owned(c, in))
	var b strings.Builder
	b.WriteString(header + "include_if_exists = " + quote(baseFile) + "\n")
	b.WriteString(lines(values))
	return b.String()
}

// lines are settings as lines of postgresql.conf.
func lines(values map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name + " = " + quote(values[name]) + "\n")
	}
	return b.String()
}

// settled tells whether a postgresql.conf sets a parameter to a value that a cluster works with.
func settled(text, name string) (ok bool) {
	for line := range strings.Lines(text) {
		f := strings.Fields(strings.Replace(line, "=", " ", 1))
		if len(f) > 1 && strings.EqualFold(f[0], name) {
			ok = config.Workable(name, strings.Trim(f[1], "'"))
		}
	}
	return ok
}

// owned are the parameters that are pgvigil's own.
func owned(c *config.Config, in Intent) map[string]string {
	out := map[string]string{
		"listen_addresses":          c.ListenAddresses,
		"port":                      c.PortString(),
		"unix_socket_directories":   c.SocketDir,
		"data_directory":            c.DataDir,
		"hba_file":                  filepath.Join(c.DataDir, "pg_hba.conf"),
		"ident_file":                filepath.Join(c.DataDir, "pg_ident.conf"),
		"cluster_name":              c.Cluster,
		"hot_standby":               "on",
		"wal_log_hints":             "on",
		"restart_after_crash":       "off",
		"recovery_target_timeline":  "latest",
		"primary_conninfo":          PrimaryConninfo(c, in.Upstream),
		"primary_slot_name":         PrimarySlot(c, in.Upstream),
		"restore_command":           "",
		"synchronous_commit":        "on",
		"synchronous_standby_names": in.SyncNames,
	}
	if c.ArchiveCommand != "" {
		out["archive_command"] = c.ArchiveCommand
	}
	if in.Upstream != nil {
		if !in.Upstream.StreamOnly {
			out["restore_command"] = c.RestoreCommand
		}
	}
	return out
}

// method is the password method of lines written by pgvigil.
func method(c *config.Config) string {
	if c.InitDB.Auth == "md5" {
		return "md5"
	}
	return "scram-sha-256"
}

// hba is the content of pg_hba.conf: pgvigil's own way in first, then the way of the other members
// unless the user's lines speak of replication, then the user's lines, or without any those that were found.
func hba(c *config.Config, found string) string {
	lines := []string{"local all " + quoteHBA(c.Superuser.Username) + " peer map=pgvigil"}
	if !mentionsReplication(c.HBA) {
		lines = append(lines, remote("replication", c.Replication, c))
	}
	if c.UseRewind {
		lines = append(lines, remote(`"postgres"`, c.Rewind, c))
	}
	switch {
	case len(c.HBA) > 0:
	case found != "":
		lines = append(lines, strings.TrimRight(found, "\n"))
	default:
		lines = append(lines, "local all all "+method(c), "host all all all "+method(c))
	}
	return header + strings.Join(append(lines, c.HBA...), "\n") + "\n"
}

func remote(database string, role config.Account, c *config.Config) string {
	if role.Password == "" {
		return "hostssl " + database + " " + quoteHBA(role.Username) + " all cert"
	}
	return "host " + database + " " + quoteHBA(role.Username) + " all " + method(c)
}

func mentionsReplication(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		f := strings.Fields(line)
		return len(f) > 1 && slices.Contains(strings.Split(f[1], ","), "replication")
	})
}

// ident is the content of pg_ident.conf: the accounts pgvigil and PostgreSQL run as are the superuser. Then the user's lines, or
// without any those that were found.
func ident(c *config.Config, found string) string {
	users := []string{c.OS.Name}
	if c.OS.Drop {
		users = append(users, "root")
	}
	var b strings.Builder
	b.WriteString(header)
	for _, u := range users {
		b.WriteString("pgvigil " + quoteHBA(u) + " " + quoteHBA(c.Superuser.Username) + "\n")
	}
	for _, line := range c.Ident {
		b.WriteString(line + "\n")
	}
	if len(c.Ident) == 0 {
		b.WriteString(found)
	}
	return b.String()
}
