// SPDX-License-Identifier: Apache-2.0

// Package datadir reads a data directory from outside: whether one is there, what pg_control and
// postmaster.pid say, where its log ends, and which marks earlier work left.
package datadir
