// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Conninfo is the connection string to a peer as one of the roles, for PostgreSQL and its programs. The
// password is not in it; it comes from the password file. A dbname of "" leaves it out.
func Conninfo(c *config.Config, role config.Account, p Peer, application, dbname string) string {
	out := []string{
		pair("host", p.Host), pair("port", itoa(p.Port)), pair("user", role.Username),
		pair("passfile", c.PassFile), pair("application_name", application), pair("connect_timeout", "3"),
		pair("keepalives_idle", "5"), pair("keepalives_interval", "2"), pair("keepalives_count", "3"),
		pair("tcp_user_timeout", "5000"),
	}
	for _, o := range []struct{ name, value string }{
		{"dbname", dbname},
		{"sslmode", role.SSLMode}, {"sslrootcert", role.SSLRootCert}, {"sslcert", role.SSLCert},
		{"sslkey", role.SSLKey}, {"sslcrl", role.SSLCRL}, {"channel_binding", role.ChannelBinding},
	} {
		if o.value != "" {
			out = append(out, pair(o.name, o.value))
		}
	}
	return strings.Join(out, " ")
}

func pair(name, value string) string { return name + "=" + quoteConn(value) }

// PrimaryConninfo is the value of primary_conninfo for an upstream; empty for nobody.
func PrimaryConninfo(c *config.Config, up *Peer) string {
	if up == nil {
		return ""
	}
	return Conninfo(c, c.Replication, *up, c.Member, "")
}

// PrimarySlot is the value of primary_slot_name for an upstream; empty for nobody.
func PrimarySlot(c *config.Config, up *Peer) string {
	if up == nil {
		return ""
	}
	return SlotName(c.Member)
}

// Upstream names the member that a primary_conninfo in force leads to: the intended one, nobody, or
// host:port of somebody pgvigil did not choose.
func Upstream(c *config.Config, in Intent, conninfo string) string {
	switch {
	case strings.TrimSpace(conninfo) == "":
		return ""
	case in.Upstream != nil && conninfo == PrimaryConninfo(c, in.Upstream):
		return in.Upstream.Name
	default:
		return value(conninfo, "host") + ":" + value(conninfo, "port")
	}
}

// value finds a value in a connection string, well enough to show it.
func value(conninfo, name string) string {
	for _, f := range strings.Fields(conninfo) {
		if k, v, ok := strings.Cut(f, "="); ok && k == name {
			return strings.Trim(v, "'")
		}
	}
	return ""
}

// passfile is the content of the password file.
func passfile(c *config.Config) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, a := range []config.Account{c.Replication, c.Rewind, c.Superuser} {
		if a.Password == "" || seen[a.Username] {
			continue
		}
		seen[a.Username] = true
		b.WriteString("*:*:*:" + escapePass(a.Username) + ":" + escapePass(a.Password) + "\n")
	}
	return b.String()
}

func escapePass(s string) string { return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(s) }
