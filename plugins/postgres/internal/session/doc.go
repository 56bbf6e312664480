// SPDX-License-Identifier: Apache-2.0

// Package session talks SQL and the replication protocol: one connection at a time, one host, no
// fallbacks, the simple protocol, and a deadline on everything.
package session
