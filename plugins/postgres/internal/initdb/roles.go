// SPDX-License-Identifier: Apache-2.0

package initdb

import (
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// Statements are the SQL commands, one a line, that make the roles that are missing, and give a password to those that
// have none. has tells of each role there is whether it has a password. Passwords go in as verifiers.
func Statements(c *config.Config, has map[string]bool) ([]string, error) {
	var out []string
	made := func(a config.Account, options string) (bool, error) {
		withPassword, there := has[a.Username]
		clause, err := password(c, a)
		name := session.Identifier(a.Username)
		switch {
		case err != nil:
		case !there:
			out = append(out, "CREATE ROLE "+name+options+clause)
		case !withPassword && clause != "":
			out = append(out, "ALTER ROLE "+name+clause)
		}
		return !there, err
	}
	if _, err := made(c.Superuser, " LOGIN SUPERUSER"); err != nil {
		return nil, err
	}
	if _, err := made(c.Replication, " LOGIN REPLICATION"); err != nil {
		return nil, err
	}
	if c.Rewind.Username == c.Superuser.Username || c.Rewind.Username == c.Replication.Username {
		return out, nil
	}
	missing, err := made(c.Rewind, " LOGIN")
	if missing {
		for _, f := range rewindFunctions {
			out = append(out, "GRANT EXECUTE ON FUNCTION "+f+" TO "+session.Identifier(c.Rewind.Username))
		}
	}
	return out, err
}

// rewindFunctions are what pg_rewind calls on its source.
var rewindFunctions = []string{
	"pg_catalog.pg_ls_dir(text, boolean, boolean)",
	"pg_catalog.pg_stat_file(text, boolean)",
	"pg_catalog.pg_read_binary_file(text)",
	"pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
}

// password is the PASSWORD clause of a role; empty without a password.
func password(c *config.Config, a config.Account) (string, error) {
	if a.Password == "" {
		return "", nil
	}
	if c.InitDB.Auth == "md5" {
		return " PASSWORD " + session.Literal(md5Verifier(a.Username, a.Password)), nil
	}
	v, err := scramVerifier(a.Password)
	return " PASSWORD " + session.Literal(v), err
}
