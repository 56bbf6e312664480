// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Schema describes the body of the postgres block.
func Schema() *pluginv1.Block {
	return &pluginv1.Block{
		Attributes: append(places(), behaviour()...),
		Blocks: []*pluginv1.NestedBlock{
			{Type: "initdb", Body: initdbSchema(), Description: "How a new cluster is made."},
			{Type: "superuser", Body: accountSchema("postgres"), Description: "Database superuser pgvigil works as; its password lets pg_rewind connect to other members."},
			{Type: "replication", Body: accountSchema("replicator"), Required: true, Description: "Database role that standbys stream as."},
			{Type: "rewind", Body: accountSchema(""), Description: "Database role that pg_rewind connects as; default: the superuser."},
			{Type: "basebackup", Body: basebackupSchema(), Description: "How another member is copied."},
		},
	}
}

func places() []*pluginv1.Attribute {
	return []*pluginv1.Attribute{
		required(str("listen", "Addresses and port PostgreSQL listens on, as \"address[,address…]:port\", such as \"0.0.0.0:5432\".")),
		required(str("connect", "Address and port other members and clients reach this PostgreSQL at, such as \"10.0.0.1:5432\".")),
		required(str("data_dir", "Data directory, absolute; a directory of its own below the mount point.")),
		str("bin_dir", "Directory of PostgreSQL's programs; default: the newest version installed."),
		str("socket_dir", "Directory of the unix socket; default: the plugin's run directory."),
		str("log_dir", "Directory of the server's log; default: log below the plugin's state directory."),
		str("pgpass", "Password file written for PostgreSQL's programs; default: pgpass in the plugin's state directory."),
		def(str("user", "Operating system user PostgreSQL runs as when the supervisor runs as root."), "postgres"),
		def(oneOf(str("manage", "How PostgreSQL is started: by the supervisor itself, or by systemd in the unit pgvigil-postgres@<cluster>.service."), "direct", "systemd"), "direct"),
	}
}

func behaviour() []*pluginv1.Attribute {
	return []*pluginv1.Attribute{
		attr("parameters", pluginv1.Type_TYPE_STRING_MAP, "PostgreSQL parameters, as in postgresql.conf, except those pgvigil owns."),
		attr("hba", pluginv1.Type_TYPE_STRING_LIST, "Lines of pg_hba.conf, after the ones pgvigil needs; default: those of a server that was taken over, else SCRAM for everybody from everywhere."),
		attr("ident", pluginv1.Type_TYPE_STRING_LIST, "Lines of pg_ident.conf, after the ones pgvigil needs; default: those of a server that was taken over."),
		str("archive_command", "archive_command of PostgreSQL; turns archive_mode on unless that is set."),
		str("restore_command", "restore_command of PostgreSQL, in force while a standby follows another member."),
		def(attr("use_rewind", pluginv1.Type_TYPE_BOOL, "Whether a member that diverged may be rewound; otherwise it is cloned."), true),
		def(attr("remove_data_on_rewind_failure", pluginv1.Type_TYPE_BOOL, "Whether a clone removes the data it replaces; otherwise they are kept beside the new, as <data_dir>.replaced-<time>."), true),
		def(attr("max_diverged_wal", pluginv1.Type_TYPE_SIZE, "How much WAL that diverged is kept, in all, before a rewind; 0 keeps none."), 1<<30),
		def(attr("start_timeout", pluginv1.Type_TYPE_DURATION, "How long a start may take until connections are accepted; 0 waits for as long as recovery takes."), 0),
	}
}

func initdbSchema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		def(str("encoding", "Encoding of the databases."), "UTF8"),
		def(str("locale", "Locale of the databases."), "C.UTF-8"),
		def(attr("data_checksums", pluginv1.Type_TYPE_BOOL, "Whether data pages carry checksums."), true),
		def(oneOf(str("auth", "Method that password_encryption and the default pg_hba.conf lines use."), "scram-sha-256", "md5"), "scram-sha-256"),
		attr("options", pluginv1.Type_TYPE_STRING_LIST, "Further options of initdb, such as \"--wal-segsize=64\"."),
	}}
}

func accountSchema(username string) *pluginv1.Block {
	name := str("username", "Name of the role.")
	if username != "" {
		name = def(name, username)
	} else {
		name = required(name)
	}
	password := str("password", "Password of the role.")
	password.Sensitive = true
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		name, password,
		str("password_file", "File that holds the password in its first line, instead of password."),
		def(oneOf(str("sslmode", "How connections to other members use TLS, as in libpq."), "disable", "allow", "prefer", "require", "verify-ca", "verify-full"), "prefer"),
		str("sslrootcert", "File with the certificates to trust."),
		str("sslcert", "File with the client certificate."),
		str("sslkey", "File with the client certificate's key."),
		str("sslcrl", "File with revoked certificates."),
		oneOf(str("channel_binding", "Channel binding, as in libpq."), "disable", "prefer", "require"),
	}}
}

func basebackupSchema() *pluginv1.Block {
	return &pluginv1.Block{Attributes: []*pluginv1.Attribute{
		def(oneOf(str("checkpoint", "Whether the copy begins with a fast checkpoint or waits for a spread one."), "fast", "spread"), "fast"),
		str("max_rate", "Most the copy may read per second, as pg_basebackup takes it, such as \"100M\"."),
		attr("options", pluginv1.Type_TYPE_STRING_LIST, "Further options of pg_basebackup."),
	}}
}

func attr(name string, t pluginv1.Type, description string) *pluginv1.Attribute {
	return &pluginv1.Attribute{Name: name, Type: t, Description: description}
}

func str(name, description string) *pluginv1.Attribute {
	return attr(name, pluginv1.Type_TYPE_STRING, description)
}

func required(a *pluginv1.Attribute) *pluginv1.Attribute {
	a.Required = true
	return a
}

func oneOf(a *pluginv1.Attribute, values ...string) *pluginv1.Attribute {
	a.OneOf = values
	return a
}

// def gives an attribute a default; value is always one that JSON can hold.
func def(a *pluginv1.Attribute, value any) *pluginv1.Attribute {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	a.DefaultJson = string(raw)
	return a
}
