// SPDX-License-Identifier: Apache-2.0

package initdb

import (
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// statements are the SQL commands that make the roles, one a line. Passwords go in as verifiers, except
// where MD5 was asked for.
func statements(c *config.Config) ([]string, error) {
	out := []string{"SET synchronous_commit = on"}
	super, err := password(c, c.Superuser)
	if err != nil {
		return nil, err
	}
	if super != "" {
		out = append(out, "ALTER ROLE "+session.Identifier(c.Superuser.Username)+super)
	}
	repl, err := password(c, c.Replication)
	if err != nil {
		return nil, err
	}
	out = append(out, "CREATE ROLE "+session.Identifier(c.Replication.Username)+" LOGIN REPLICATION"+repl)
	if c.Rewind.Username == c.Superuser.Username || c.Rewind.Username == c.Replication.Username {
		return out, nil
	}
	rewind, err := password(c, c.Rewind)
	if err != nil {
		return nil, err
	}
	name := session.Identifier(c.Rewind.Username)
	out = append(out, "CREATE ROLE "+name+" LOGIN"+rewind)
	for _, f := range rewindFunctions {
		out = append(out, "GRANT EXECUTE ON FUNCTION "+f+" TO "+name)
	}
	return out, nil
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
