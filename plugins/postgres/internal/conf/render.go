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
	header = "# Written by pgvigil, which replaces it: change the postgres block of its configuration instead.\n"
	base   = "postgresql.base.conf"
	found  = "postgresql.found.conf"
)

func itoa(p uint16) string { return strconv.Itoa(int(p)) }

// render is the content of postgresql.conf.
func render(c *config.Config, in Intent) string {
	values := maps.Clone(c.Parameters)
	for name, n := range in.Raised {
		values[name] = strconv.Itoa(n)
	}
	maps.Copy(values, owned(c, in))
	var b strings.Builder
	b.WriteString(header + "include_if_exists = " + quote(base) + "\n")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name + " = " + quote(values[name]) + "\n")
	}
	return b.String()
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
// unless the user's lines speak of replication, then the user's lines.
func hba(c *config.Config) string {
	lines := []string{"local all " + quoteHBA(c.Superuser.Username) + " peer map=pgvigil"}
	if !mentionsReplication(c.HBA) {
		lines = append(lines, remote("replication", c.Replication, c))
	}
	if c.UseRewind {
		lines = append(lines, remote(`"postgres"`, c.Rewind, c))
	}
	if len(c.HBA) == 0 {
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

// ident is the content of pg_ident.conf: the accounts pgvigil and PostgreSQL run as are the superuser.
func ident(c *config.Config) string {
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
	return b.String()
}
