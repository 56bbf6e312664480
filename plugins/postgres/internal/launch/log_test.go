// SPDX-License-Identifier: Apache-2.0

package launch

import "testing"

func TestLastFatal(t *testing.T) {
	for want, text := range map[string]string{
		"could not write lock file \"postmaster.pid\": No space left on device": "2026-01-01 00:00:00 UTC [7] LOG:  starting\n" +
			"2026-01-01 00:00:00 UTC [7] FATAL:  could not write lock file \"postmaster.pid\": No space left on device\n" +
			"2026-01-01 00:00:00 UTC [7] LOG:  database system is shut down\n",
		"could not write to file \"pg_wal/xlogtemp.9\": No space left on device": "[9] PANIC:  could not write to file \"pg_wal/xlogtemp.9\": No space left on device\n" +
			"[8] FATAL:  terminating connection due to administrator command\n[8] FATAL:  the database system is shutting down\n",
		"could not bind IPv4 address \"127.0.0.1\": Address already in use: stop and disable what uses it, such as PostgreSQL's own unit": "[7] LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use\n" +
			"[7] HINT:  Is another postmaster already running on port 5432? If not, wait a few seconds and retry.\n" +
			"[7] WARNING:  could not create listen socket for \"127.0.0.1\"\n[7] FATAL:  could not create any TCP/IP sockets\n",
		"": "[7] FATAL:  role \"nobody\" does not exist\n[7] ERROR:  division by zero\n",
		"database files are incompatible with server": "[7] FATAL:  database files are incompatible with server\n",
	} {
		if got := lastFatal(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
