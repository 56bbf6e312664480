// SPDX-License-Identifier: Apache-2.0

// Package initdb makes a new cluster: a complete data directory with its roles, or nothing.
package initdb
