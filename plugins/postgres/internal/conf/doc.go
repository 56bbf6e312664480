// SPDX-License-Identifier: Apache-2.0

// Package conf writes the files PostgreSQL reads: postgresql.conf, pg_hba.conf, pg_ident.conf,
// standby.signal and the password file, and keeps postgresql.auto.conf from overruling them.
package conf
