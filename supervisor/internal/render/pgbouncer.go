// SPDX-License-Identifier: Apache-2.0

package render

import "path/filepath"

// PgBouncer is a PgBouncer that leads to the primary.
type PgBouncer struct {
	Cluster
	// Suggest tells that pgvigil's configuration has no block for it yet: the text then shows one.
	Suggest bool
	Port    uint16
	// SocketDir is the directory of its Unix socket.
	SocketDir string
	// Admin is the user of pgvigil's plugin at the console.
	Admin string
	// Include is the file in which the plugin keeps the databases. Where it is empty, they are at Host and Port, an
	// address that moves with the primary.
	Include  string
	Host     string
	HostPort string
}

// String is pgbouncer.ini.
func (p PgBouncer) String() string { return fill(pgbouncerText, p) }

// IncludeDir is the directory of Include. The plugin replaces files there.
func (p PgBouncer) IncludeDir() string { return filepath.Dir(p.Include) }

const pgbouncerText = `; PgBouncer for the cluster "{{.Name}}": /etc/pgbouncer/pgbouncer.ini, the same on every host that runs it.
; PgBouncer takes comments in lines of their own only.
{{- if .Suggest}}
;
; With this block in pgvigil's configuration, a switchover holds clients back instead of failing them:
;
;   router "pgbouncer" {
;     consoles      = ["host={{.SocketDir}} port={{.Port}} user={{.Admin}}"]
;     password_file = "/etc/pgvigil/pgbouncer.password"
{{- if .Include}}
;
;     databases_file {
;       path    = "{{.Include}}"
;       entries = { "*" = "" }
;     }
{{- end}}
;   }
{{- end}}

{{if .Include -}}
; The databases stand in a file that pgvigil's plugin writes whenever the primary changes; none of them may stand here, too.
; PgBouncer does not start while it is missing. Once, as root, for the user of pgvigil:
;   install -d -o {{.User}} {{.IncludeDir}} && touch {{.Include}}
%include {{.Include}}
{{- else -}}
[databases]
; Every database, at an address that leads to the primary.
* = host={{.Host}} port={{.HostPort}}
{{- end}}

[pgbouncer]
listen_addr = *
listen_port = {{.Port}}
; pgvigil's plugin finds the console here.
unix_socket_dir = {{.SocketDir}}

; Users and passwords, one per line: "user" "password, or SCRAM secret as in pg_authid". Mode 0600.
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
; Or ask PostgreSQL for those who are not in the file, as auth_user, by a function with SECURITY DEFINER that each database has;
; pgbouncer(5) has one under EXAMPLES.
;auth_user = pgbouncer
;auth_query = SELECT * FROM pgbouncer.user_lookup($1)

; The user of pgvigil's plugin, with its password in auth_file. It pauses and resumes, for which stats_users is not enough.
admin_users = {{.Admin}}
; May only look, for monitoring.
;stats_users = monitor

; A connection to PostgreSQL belongs to a client for one transaction. A switchover waits until none runs: with "session" it would
; wait for clients to go.
pool_mode = transaction
; Clients in all, and connections to PostgreSQL for each pair of user and database. The sum over all PgBouncers must stay below
; max_connections of PostgreSQL.
max_client_conn = 1000
default_pool_size = 20
; From PgBouncer 1.21 on: prepared statements of the protocol also with pool_mode = transaction.
;max_prepared_statements = 200
; JDBC sends this, and PgBouncer refuses what it does not know.
ignore_startup_parameters = extra_float_digits

; Seconds until the next attempt after one that failed. With the default of 15 clients would wait so long after a failover.
server_login_retry = 1
; Seconds for an attempt: a host that is gone refuses nothing, it is silent. The default is 15.
server_connect_timeout = 3
; Seconds, longer than any pause: clients that have waited so long are sent away.
query_wait_timeout = 120

; A host that is gone in the middle of a transaction is noticed after 25 seconds of silence, or when it confirms no data for 15000
; milliseconds.
tcp_keepalive = 1
tcp_keepidle = 10
tcp_keepintvl = 5
tcp_keepcnt = 3
tcp_user_timeout = 15000

; Certificates for clients, and for PostgreSQL.
;client_tls_sslmode = require
;client_tls_cert_file = /etc/pgbouncer/server.crt
;client_tls_key_file = /etc/pgbouncer/server.key
;server_tls_sslmode = verify-full
;server_tls_ca_file = /etc/pgbouncer/ca.crt
`
