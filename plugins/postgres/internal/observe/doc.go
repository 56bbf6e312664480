// SPDX-License-Identifier: Apache-2.0

// Package observe watches the one instance of this host: a single goroutine, one connection, one query
// at a time. What it can prove by looking at processes and files it knows also while PostgreSQL hangs.
package observe
