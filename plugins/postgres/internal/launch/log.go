// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"io"
	"os"
	"regexp"
	"strings"
)

var (
	severity = regexp.MustCompile(`\b(FATAL|PANIC): +(.*)$`)
	occupied = regexp.MustCompile(`\bLOG: +(could not bind .* in use)$`)
)

// LastFatal finds the last FATAL or PANIC message in the last part of a log, from a position on; empty
// when there is none.
func LastFatal(path string, from int64) string {
	const most = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from = max(from, info.Size()-most)
	raw, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return ""
	}
	return lastFatal(string(raw))
}

// lastFatal skips what sessions are told at a shutdown: it is never the cause of one. An address that cannot be had is told in
// lines before.
func lastFatal(text string) string {
	var last, address string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := occupied.FindStringSubmatch(line); m != nil {
			address = m[1] + ": stop and disable what uses it, such as PostgreSQL's own unit"
		}
		m := severity.FindStringSubmatch(line)
		if m == nil || consequence(m[2]) {
			continue
		}
		last = m[2]
		if strings.HasPrefix(last, "could not create any TCP/IP sockets") && address != "" {
			last = address
		}
	}
	return last
}

func consequence(message string) bool {
	for _, s := range []string{"terminating ", "the database system is ", "could not receive data from WAL stream", "could not connect to the primary server", "streaming replication receiver", "password authentication failed", "no pg_hba.conf entry", "role \"", "database \""} {
		if strings.HasPrefix(message, s) {
			return true
		}
	}
	return false
}
