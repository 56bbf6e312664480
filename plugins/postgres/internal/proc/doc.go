// SPDX-License-Identifier: Apache-2.0

// Package proc is what the plugin knows of processes: under which account PostgreSQL's programs run,
// how one is run to its end, who lives in a data directory, and when a process is gone.
package proc
