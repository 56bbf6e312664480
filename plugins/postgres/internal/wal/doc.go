// SPDX-License-Identifier: Apache-2.0

// Package wal reads write-ahead log on disk: positions, timelines, segment names, and where the valid
// log of a stopped server ends. The formats it knows are the same in PostgreSQL 13 to 18.
package wal
