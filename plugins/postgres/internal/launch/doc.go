// SPDX-License-Identifier: Apache-2.0

// Package launch starts PostgreSQL under the launcher, finds both again, and ends them with proof.
package launch
