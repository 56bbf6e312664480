// SPDX-License-Identifier: Apache-2.0

// Package conf is the plugin's configuration: the schema of its block, the checks beyond it, and the file of
// databases that PgBouncer includes.
package conf

import pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

// Schema of the body of router "pgbouncer".
func Schema() *pluginv1.Block {
	return &pluginv1.Block{
		Attributes: []*pluginv1.Attribute{
			{Name: "consoles", Type: pluginv1.Type_TYPE_STRING_LIST, Required: true, Description: `Admin console of each PgBouncer, such as "host=/run/postgresql port=6432 user=pgvigil", where host may be a name or an address; port is 6432 and user is pgbouncer unless given.`},
			{Name: "password", Type: pluginv1.Type_TYPE_STRING, Sensitive: true, Description: "Password for the consoles; better kept in password_file."},
			{Name: "password_file", Type: pluginv1.Type_TYPE_STRING, Description: "File that holds the password for the consoles in its first line; read again for every connection."},
			{Name: "databases", Type: pluginv1.Type_TYPE_STRING_LIST, Description: "Databases, as clients name them, that are held back in a switchover; the default is all."},
		},
		Blocks: []*pluginv1.NestedBlock{{
			Type: "databases_file", Body: fileSchema(),
			Description: "File with databases that lead to the primary, for PgBouncers that do not reach it through an address that moves.",
		}},
	}
}

func fileSchema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		{Name: "path", Type: pluginv1.Type_TYPE_STRING, Required: true, Description: "Absolute path of the file, which is the plugin's own; pgbouncer.ini has it in a line %include."},
		{Name: "entries", Type: pluginv1.Type_TYPE_STRING_MAP, Required: true, Description: `By the name of a database, or "*", what else its line says, such as "dbname=app pool_size=50"; host and port are added.`},
	}}
}
