// SPDX-License-Identifier: Apache-2.0

// Package basebackup makes the data directory a copy of another member's.
package basebackup
