// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// owned are the parameters pgvigil sets itself, with where the user says what he wants instead.
var owned = map[string]string{
	"listen_addresses":           "use listen",
	"port":                       "use listen",
	"unix_socket_directories":    "use socket_dir",
	"data_directory":             "use data_dir",
	"hba_file":                   "use hba",
	"ident_file":                 "use ident",
	"config_file":                "pgvigil writes it",
	"external_pid_file":          "pgvigil finds PostgreSQL by its data directory",
	"archive_command":            "use the attribute archive_command of the block",
	"restore_command":            "use the attribute restore_command of the block",
	"primary_conninfo":           "pgvigil decides whom a standby follows",
	"primary_slot_name":          "pgvigil keeps a slot for every member",
	"synchronous_commit":         "it is on; roles, databases and sessions may lower it, at the risk of what they commit",
	"synchronous_standby_names":  "pgvigil keeps it in line with the cluster's durability",
	"cluster_name":               "it is the name of the cluster",
	"hot_standby":                "pgvigil needs standbys that answer",
	"restart_after_crash":        "pgvigil decides how PostgreSQL comes back after a crash",
	"wal_log_hints":              "pg_rewind needs it on",
	"promote_trigger_file":       "only pgvigil promotes",
	"trigger_file":               "only pgvigil promotes",
	"standby_mode":               "only pgvigil decides who is a standby",
	"recovery_target":            "a standby follows to the end",
	"recovery_target_action":     "a standby follows to the end",
	"recovery_target_inclusive":  "a standby follows to the end",
	"recovery_target_lsn":        "a standby follows to the end",
	"recovery_target_name":       "a standby follows to the end",
	"recovery_target_time":       "a standby follows to the end",
	"recovery_target_timeline":   "a standby follows the latest timeline",
	"recovery_target_xid":        "a standby follows to the end",
	"allow_in_place_tablespaces": "it is for PostgreSQL's own tests",
	"ignore_invalid_pages":       "it hides corruption",
	"zero_damaged_pages":         "it destroys data",
	"ignore_checksum_failure":    "it hides corruption",
	"ignore_system_indexes":      "it is for repairs by hand",
	"transaction_read_only":      "it is no setting of a server",
}

// Owned tells whether pgvigil sets a parameter itself, and what the user should do about it.
func Owned(name string) (hint string, ok bool) {
	hint, ok = owned[strings.ToLower(name)]
	return hint, ok && hint != ""
}

// overridable are the values in force unless the user's parameters say otherwise.
func overridable(auth string) map[string]string {
	return map[string]string{
		"wal_level":                    "replica",
		"max_connections":              "100",
		"max_wal_senders":              "10",
		"max_replication_slots":        "10",
		"wal_keep_size":                "128MB",
		"password_encryption":          auth,
		"wal_receiver_timeout":         "5s",
		"wal_sender_timeout":           "5s",
		"wal_retrieve_retry_interval":  "100ms",
		"wal_receiver_status_interval": "1s",
		"tcp_keepalives_idle":          "10",
		"tcp_keepalives_interval":      "2",
		"tcp_keepalives_count":         "3",
	}
}
